-- Tells listeners to read the symbols $1 again.
select pg_notify('tickdeck_v2', json_build_object(
    'x', pg_current_xact_id()::text::bigint,
    't', _timescaledb_functions.to_unix_microseconds(clock_timestamp()),
    'restated', $1::text[])::text)
