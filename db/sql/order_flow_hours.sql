-- The hours of $1 in [$2, $3) that have ticks: whether order_flow has them as they are now, and whether their ticks were gone
-- before they could be folded.
select (extract(epoch from m.hour) * 1000000)::bigint,
       coalesce(h.folded and s.hour is null
                and (h.trades, h.volume, h.turnover) = (c.trades, c.volume, c.turnover), false),
       coalesce(not h.folded, false),
       h.by_feed, h.by_quotes, h.by_ticks, h.by_nothing
from (
    select distinct time_bucket('1 hour', bucket) as hour
    from candles
    where symbol = $1 and interval = '1m' and bucket >= $2 and bucket < $3
) m
left join order_flow_hours h on h.symbol = $1 and h.hour = m.hour and h.hour >= $2 and h.hour < $3
left join stale_hours s on s.symbol = $1 and s.hour = m.hour and s.hour >= $2 and s.hour < $3
left join candles c on c.symbol = $1 and c.interval = '1h' and c.bucket = m.hour and c.bucket >= $2 and c.bucket < $3
order by 1
