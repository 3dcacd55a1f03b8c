-- Where a page of ticks of the symbols $1 that starts in the minute $2 may end: the end of the first minute of
-- [$2, $3) up to which they have $4 ticks after that first one, in µs since the epoch; null where they have fewer.
select (extract(epoch from min(bucket) + interval '1 minute') * 1000000)::bigint
from (
    select bucket, sum(trades) filter (where bucket > $2) over (order by bucket) as so_far
    from (
        select bucket, sum(trades) as trades
        from candles
        where symbol = any ($1::text[]) and interval = '1m' and bucket >= $2 and bucket < $3
        group by bucket
    ) minutes
) counted
where so_far >= $4
