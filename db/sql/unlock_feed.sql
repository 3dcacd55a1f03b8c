select pg_advisory_unlock(74550003, hashtext($1))
