-- The stretches of time whose ticks are kept (a chunk each), oldest first.
select range_start, range_end
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'ticks'
order by range_start
