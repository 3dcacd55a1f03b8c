-- The revision that a database's schema is at; where Alembic was never, the table is missing.
select version_num from public.alembic_version
