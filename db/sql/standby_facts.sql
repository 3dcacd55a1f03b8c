-- The same of a standby: how far it has replayed (null where it is none), and how old the newest commit of that is, in seconds.
--
-- Its timeline is what its control file tells, which after the promotion of another one is late (by a checkpoint): then it
-- is used later, never too early.
select (select system_identifier from pg_control_system()) as system,
       (select oid from pg_database where datname = current_database()) as database,
       greatest((select timeline_id from pg_control_checkpoint()),
                (select min_recovery_end_timeline from pg_control_recovery())) as timeline,
       case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint end as replayed,
       coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::float8 as silent_s
