-- Whether share $2 of the writers of the stream $1 is ours now: a writer's number, or 1000 and a partition.
select pg_try_advisory_lock(hashtext('tickdeck ingest ' || $1), $2)
