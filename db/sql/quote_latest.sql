-- The last minute in [$2, $3) of each symbol of $1 that has a candle there, in µs since the epoch.
select s.symbol, (extract(epoch from last.bucket) * 1000000)::bigint
from unnest($1::text[]) s (symbol)
cross join lateral (
    select bucket
    from candles c
    where c.symbol = s.symbol and c.interval = '1m' and c.bucket >= $2 and c.bucket < $3
    order by bucket desc
    limit 1
) last
