-- How far a standby has replayed its primary's log, in bytes; null where it is none (any more).
--
-- To be asked for before the snapshot is taken: the position is that of the moment, the snapshot may be older.
select case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint end
