-- The stretches of time whose chunks of ticks are there, before %(before)s, oldest first; and whether they are compressed.
select range_start, range_end, is_compressed
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'ticks' and range_start < %(before)s
order by range_start;
