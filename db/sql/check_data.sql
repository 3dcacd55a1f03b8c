-- One row about the stored data; needs the schema.
select
    (select version_num from alembic_version) as revision,
    (select count(*) from timescaledb_information.chunks where hypertable_name = 'ticks') as chunks,
    (select count(*) from timescaledb_information.chunks where hypertable_name = 'ticks' and is_compressed) as compressed,
    hypertable_size('ticks') as tick_bytes,
    hypertable_size('candles') as candle_bytes,
    (select min(range_start) from timescaledb_information.chunks where hypertable_name = 'ticks') as first_tick_day,
    -- An hour is built once it is over; one that waits for long means that nobody builds.
    (select count(*) from stale_hours where hour < now() - interval '1 day') as waiting_hours,
    has_table_privilege('tickdeck_reader', 'ticks', 'insert, update, delete, truncate')
        or has_table_privilege('tickdeck_reader', 'candles', 'insert, update, delete, truncate') as reader_writes,
    has_table_privilege('tickdeck_reader', 'ticks', 'select') as reader_reads,
    has_table_privilege('tickdeck_writer', 'ticks', 'insert') as writer_writes;
