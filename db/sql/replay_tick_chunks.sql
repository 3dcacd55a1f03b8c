-- The chunks of ticks that meet [$1, $2), oldest first: what retention drops is whole chunks.
select (extract(epoch from range_start) * 1000000)::bigint, (extract(epoch from range_end) * 1000000)::bigint
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'ticks' and range_end > $1 and range_start < $2
order by 1
