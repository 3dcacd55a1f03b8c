-- Run by psql at every start: makes what is missing, and brings the extension to the version of the programs.
\set ON_ERROR_STOP on
SELECT 'CREATE DATABASE tickdeck'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'tickdeck') \gexec
\connect tickdeck
SELECT CASE
    WHEN installed_version IS NULL THEN 'CREATE EXTENSION timescaledb'
    ELSE 'ALTER EXTENSION timescaledb UPDATE'
END
FROM pg_available_extensions
WHERE name = 'timescaledb' AND installed_version IS DISTINCT FROM default_version \gexec
-- Whoever may enter the socket's folder may log in as any of these; what Tickdeck itself does, it does as one of them.
SELECT format(CASE WHEN r.rolname IS NULL THEN 'CREATE ROLE %I LOGIN' ELSE 'ALTER ROLE %I LOGIN' END, name)
FROM unnest(ARRAY['tickdeck_reader', 'tickdeck_writer', 'tickdeck_settings']) name
LEFT JOIN pg_roles r ON r.rolname = name
WHERE r.rolcanlogin IS NOT TRUE \gexec
