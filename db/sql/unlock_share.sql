select pg_advisory_unlock(hashtext('tickdeck ingest ' || $1), $2)
