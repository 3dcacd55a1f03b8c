-- The stretches of time that hold candles (a chunk each), oldest first.
select range_start, range_end
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'candles'
order by range_start
