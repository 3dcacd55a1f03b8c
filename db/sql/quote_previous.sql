-- The last tick that updated the price of each symbol $1[n] before its day $2[n], where there is one in [$3, $4).
select g.symbol, last.close, (extract(epoch from last.last_time) * 1000000)::bigint, last.last_seq
from unnest($1::text[], $2::timestamptz[]) g (symbol, day)
cross join lateral (
    select close, last_time, last_seq
    from candles c
    where c.symbol = g.symbol and c.interval = '1m' and c.bucket >= $3 and c.bucket < $4 and c.bucket < g.day
      and c.first_time < '2200-01-01 00:00:00+00'
    order by bucket desc
    limit 1
) last
