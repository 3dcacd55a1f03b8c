-- How far the primary's log was written, in bytes, and its timeline: all that anybody can have seen lies before that.
--
-- A commit is seen once it is flushed, but where synchronous_commit is off: there before it is, and all that is inserted
-- counts.  (Everywhere else a standby would often be waited for in vain: what is not flushed is not sent.)
select (written - '0/0'::pg_lsn)::bigint as written, ('x' || left(pg_walfile_name(written), 8))::bit(32)::integer as timeline
from (
    select case when current_setting('synchronous_commit') = 'off'
        then pg_current_wal_insert_lsn() else pg_current_wal_flush_lsn() end as written
) at
