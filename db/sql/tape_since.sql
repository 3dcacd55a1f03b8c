-- For each symbol $1[n] that has $4 ticks in [$2, $3), or where $5 is true any: the start of the minute since which
-- it has so many, or of its first minute there, in µs since the epoch.
select s.symbol, (extract(epoch from coalesce(reach.enough, reach.first)) * 1000000)::bigint
from unnest($1::text[]) s (symbol)
cross join lateral (
    select max(bucket) filter (where so_far >= $4) as enough, min(bucket) as first
    from (
        select bucket, sum(trades) over (order by bucket desc) as so_far
        from (
            select bucket, trades
            from candles
            where symbol = s.symbol and interval = '1m' and bucket >= $2 and bucket < $3
            order by bucket desc
            limit $4
        ) newest
    ) counted
) reach
where reach.enough is not null or ($5 and reach.first is not null)
