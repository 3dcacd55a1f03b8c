-- The chunks of ticks and the archived days that meet [$1, $2), oldest first, each once: what retention drops is whole chunks.
select (extract(epoch from range_start) * 1000000)::bigint, (extract(epoch from range_end) * 1000000)::bigint
from (
    select range_start, range_end
    from timescaledb_information.chunks
    where hypertable_schema = 'public' and hypertable_name = 'ticks' and range_end > $1 and range_start < $2
    union
    select day::timestamp at time zone 'UTC', day::timestamp at time zone 'UTC' + interval '24 hours'
    from archived_ticks
    where day >= ($1::timestamptz at time zone 'UTC')::date and day <= (($2::timestamptz - interval '1 microsecond') at time zone 'UTC')::date
) kept
order by 1
