-- The archived days of the symbols $1 with any tick in [$2, $3), oldest first; times in µs since the epoch.
select symbol, day, (extract(epoch from first_time) * 1000000)::bigint, (extract(epoch from last_time) * 1000000)::bigint,
       ticks, file
from archived_ticks
where symbol = any ($1::text[]) and first_time < $3 and last_time >= $2
  and day >= ($2::timestamptz at time zone 'UTC')::date and day <= ($3::timestamptz at time zone 'UTC')::date
order by day, symbol
