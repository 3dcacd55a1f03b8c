-- What the connected server is, and whether its schema has a revision: that table may be missing.
select current_setting('server_version'),
       current_setting('server_version_num')::integer,
       (select extversion from pg_extension where extname = 'timescaledb'),
       current_setting('timescaledb.license', true),
       to_regclass('public.alembic_version') is not null
