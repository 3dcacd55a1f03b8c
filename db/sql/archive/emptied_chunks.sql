-- The chunks of ticks in days (UTC) before %(before)s from which ticks were archived, as names that SQL takes, oldest first.
select format('%%I.%%I', chunk_schema, chunk_name), range_start, range_end
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'ticks' and range_end <= %(before)s and not is_compressed
  and exists (select from archived_ticks a
              where a.day >= (range_start at time zone 'UTC')::date and a.day < (range_end at time zone 'UTC')::date)
order by range_start;
