-- The first tick of $1 after (time, seq) = ($2, $3) and up to ($4, $5) that updates the last price, to $6 at the least and $7 at the
-- most (null: any).
select (extract(epoch from time) * 1000000)::bigint, seq, price
from ticks
where symbol = $1 and time >= $2 and time <= $4
  and (time, seq) > ($2::timestamptz, $3::bigint) and (time, seq) <= ($4::timestamptz, $5::bigint)
  and (updates is null or updates & 1 <> 0)
  and ($6::float8 is null or price >= $6) and ($7::float8 is null or price <= $7)
order by time, seq
limit 1
