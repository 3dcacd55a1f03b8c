-- The compressed chunks of ticks, as names that SQL takes, oldest first.
select format('%I.%I', chunk_schema, chunk_name)
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'ticks' and is_compressed
order by range_start
