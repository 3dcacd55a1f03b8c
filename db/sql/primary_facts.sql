-- Which server and database the primary is, its timeline, and how far its log was written, in bytes.
select (select system_identifier from pg_control_system()) as system,
       (select oid from pg_database where datname = current_database()) as database,
       ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::integer as timeline,
       (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint as written
where not pg_is_in_recovery()
