-- Of each symbol of $1 the last price stored before the instant of $2 beside it, and the first from then on, at most $3 away, with the
-- start of their minutes, µs since the epoch; null where there is none.
select s.symbol, b.close, (extract(epoch from b.bucket) * 1000000)::bigint, a.open, (extract(epoch from a.bucket) * 1000000)::bigint
from unnest($1::text[], $2::timestamptz[]) s(symbol, at)
join instruments i on i.symbol = s.symbol
left join lateral (
    select close, bucket from candles c
    where c.symbol = s.symbol and c.interval = '1m' and c.bucket < s.at and c.bucket > s.at - $3::interval and c.close > 0
    order by c.bucket desc limit 1
) b on true
left join lateral (
    select open, bucket from candles c
    where c.symbol = s.symbol and c.interval = '1m' and c.bucket >= s.at and c.bucket < s.at + $3::interval and c.open > 0
    order by c.bucket limit 1
) a on true
