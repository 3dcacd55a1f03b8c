-- The chunks of ticks that ended before $1, oldest first.  What is left in one of an archived day waits for the archive.
select range_start, range_end
from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'ticks' and range_end <= %(before)s
  and not exists (select from archived_ticks a
                  where a.day >= (range_start at time zone 'UTC')::date and a.day < (range_end at time zone 'UTC')::date)
order by range_end;
