-- From which minute to the end of which minute there are candles of the symbols $1; nulls where there are none.
select (extract(epoch from min(first)) * 1000000)::bigint,
       (extract(epoch from max(last) + interval '1 minute') * 1000000)::bigint
from unnest($1::text[]) symbol
cross join lateral (
    select bucket as first from candles c
    where c.symbol = symbol and c.interval = '1m' order by bucket limit 1
) oldest
cross join lateral (
    select bucket as last from candles c
    where c.symbol = symbol and c.interval = '1m' order by bucket desc limit 1
) newest
