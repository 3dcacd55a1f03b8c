-- The chunks of ticks that ended before $1, oldest first.
select range_start, range_end
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'ticks' and range_end <= %(before)s
order by range_end;
