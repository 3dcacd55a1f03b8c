-- Whether the lock of the feed $1 is ours now.  Its first number is that of all locks of feeds.
select pg_try_advisory_lock(74550003, hashtext($1))
