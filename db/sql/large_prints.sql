-- The largest trades of $1 in [$2, $3) up to (time, seq) = ($4, $5), at most $8: of size $6 and above or, where that is null, of the
-- size that the share $7 of all trades does not exceed.  Which trades count, and who took the price, as tickdeck_order_flow_v1
-- has it; the tick rule is looked up for these only.  That size is materialized: of a chunk that nobody has analysed yet the planner
-- expects one row, and would have it found out anew for each trade.
with trades as materialized (
    select time, seq, price, size, side, case when bid <= ask then sign(price - (bid + ask) / 2) end as quoted
    from ticks
    where symbol = $1 and time >= $2 and time < $3 and (time, seq) <= ($4::timestamptz, $5::bigint)
      and (updates is null or (updates & 4 <> 0 and updates & 3 <> 0))
), least as materialized (
    select coalesce($6::float8, percentile_disc($7::float8) within group (order by size)) as size from trades
), large as (
    select trades.*, least.size as least
    from trades, least
    where trades.size >= least.size
    order by trades.size desc, trades.time, trades.seq
    limit $8
)
select (extract(epoch from l.time) * 1000000)::bigint, l.seq, l.price, l.size,
       coalesce(l.side, nullif(l.quoted, 0), ticked.moved, 0)::int, l.least
from large l
left join lateral (
    select sign(l.price - p.price) as moved
    from ticks p
    where p.symbol = $1 and p.time >= time_bucket('1 hour', l.time) and (p.time, p.seq) < (l.time, l.seq)
      and (p.updates is null or (p.updates & 4 <> 0 and p.updates & 3 <> 0)) and p.price <> l.price
      and l.side is null and coalesce(l.quoted, 0) = 0
    order by p.time desc, p.seq desc
    limit 1
) ticked on true
order by l.time, l.seq
