-- The last minute candle in [$2, $3) of each symbol of $1 that has one.
select s.symbol, (extract(epoch from last.last_time) * 1000000)::bigint, last.last_seq
from unnest($1::text[]) s (symbol)
cross join lateral (
    select last_time, last_seq
    from candles c
    where c.symbol = s.symbol and c.interval = '1m' and c.bucket >= $2 and c.bucket < $3
    order by bucket desc
    limit 1
) last
