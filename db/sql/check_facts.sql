-- One row of what `tickdeck db check` looks at beside the schema's objects.
select
    current_setting('server_version_num')::integer as server_number,
    current_setting('server_version') as server_version,
    (select extversion from pg_extension where extname = 'timescaledb') as timescaledb,
    (select default_version from pg_available_extensions where name = 'timescaledb') as timescaledb_available,
    current_setting('timescaledb.license', true) as edition,
    to_regclass('public.alembic_version') is not null and to_regclass('public.ticks') is not null
        and to_regclass('public.candles') is not null as has_schema,
    pg_database_size(current_database()) as bytes,
    (select array_agg(rolname::text) from pg_roles where rolname in ('tickdeck_reader', 'tickdeck_writer')) as roles,
    current_user::text as login;
