-- The ticks of $1 in the hours $2, before $3 and up to (time, seq) = ($4, $5), folded now.
select (extract(epoch from f.minute) * 1000000)::bigint, f.price, f.bought, f.sold, f.unsided, f.trades,
       f.by_feed, f.by_quotes, f.by_ticks, f.by_nothing
from unnest($2::timestamptz[]) as hour
cross join lateral tickdeck_order_flow_v1($1, hour, least(hour + interval '1 hour', $3), $4, $5) f
