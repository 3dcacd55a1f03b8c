-- The ticks of each symbol of $1 from $2 on that are not after (time, seq) = ($3, $4), folded into one candle.
select symbol,
       first(price, (time, seq)), max(price), min(price), last(price, (time, seq)),
       sum(size), sum(price * size), count(*),
       (extract(epoch from min(time)) * 1000000)::bigint, first(seq, (time, seq)),
       (extract(epoch from max(time)) * 1000000)::bigint, last(seq, (time, seq))
from ticks
where symbol = any ($1::text[]) and time >= $2 and time <= $3 and (time, seq) <= ($3::timestamptz, $4::bigint)
group by symbol
