-- Where the first imported bar of symbol $1 and any of the intervals $2 begins in [$3, $4), in µs since the epoch.
select (extract(epoch from min(first.bucket)) * 1000000)::bigint
from unnest($2::text[]) i (interval)
cross join lateral (
    select bucket from imported_candles b
    where b.symbol = $1 and b.interval = i.interval and b.bucket >= $3 and b.bucket < $4
    order by bucket
    limit 1
) first
