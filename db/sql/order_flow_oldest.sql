-- The start of the oldest chunk of candles.
select (extract(epoch from min(range_start)) * 1000000)::bigint
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'candles'
