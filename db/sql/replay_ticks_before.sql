-- The newest $5 ticks of symbol $1 from $2 on that are not after (time, seq) = ($3, $4), newest first.
select (extract(epoch from time) * 1000000)::bigint, seq, price, size, bid, ask, exchange, conditions, side
from ticks
where symbol = $1 and time >= $2 and time <= $3 and (time, seq) <= ($3::timestamptz, $4::bigint)
order by time desc, seq desc
limit $5
