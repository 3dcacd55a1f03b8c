-- The close of the last minute of each symbol $1[n] before its day $2[n], where there is one in [$3, $4).
select g.symbol, last.close
from unnest($1::text[], $2::timestamptz[]) g (symbol, day)
cross join lateral (
    select close
    from candles c
    where c.symbol = g.symbol and c.interval = '1m' and c.bucket >= $3 and c.bucket < $4 and c.bucket < g.day
    order by bucket desc
    limit 1
) last
