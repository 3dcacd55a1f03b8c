-- Where the newest imported bar of symbol $1 and any of the intervals $2 begins before $3, in µs since the epoch.
select (extract(epoch from max(newest.bucket)) * 1000000)::bigint
from unnest($2::text[]) i (interval)
cross join lateral (
    select bucket from imported_candles b
    where b.symbol = $1 and b.interval = i.interval and b.bucket < $3
    order by bucket desc
    limit 1
) newest
