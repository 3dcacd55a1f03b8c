-- From where to where there are candles of the symbols $1 before $2, imported ones too with $3; nulls where there are none.
select (extract(epoch from least(min(oldest.first), min(bars.first))) * 1000000)::bigint,
       (extract(epoch from greatest(max(newest.last) + interval '1 minute', max(bars.last))) * 1000000)::bigint
from unnest($1::text[]) symbol
left join lateral (
    select bucket as first from candles c
    where c.symbol = symbol and c.interval = '1m' order by bucket limit 1
) oldest on true
left join lateral (
    select bucket as last from candles c
    where c.symbol = symbol and c.interval = '1m' and c.bucket < $2 order by bucket desc limit 1
) newest on true
left join lateral (select min(bucket) as first, max(until) as last from imported_candles i where $3 and i.symbol = symbol) bars on true
