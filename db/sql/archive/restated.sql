-- The first archived day of the symbols $1 in [$2, $3] with a tick that was cancelled or corrected.
select a.symbol, a.day::text
from archived_ticks a
where a.symbol = any ($1::text[]) and a.first_time <= $3 and a.last_time >= $2
  and exists (
      select from tick_history h
      where h.symbol = a.symbol and h.time >= a.day::timestamp at time zone 'UTC'
        and h.time < a.day::timestamp at time zone 'UTC' + interval '24 hours'
  )
order by a.day, a.symbol
limit 1
