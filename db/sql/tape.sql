-- The newest $3 ticks of each symbol $1[n] since $2[n], which is never before $4, and before $5: newest first, symbol by symbol.
select (extract(epoch from last.time) * 1000000)::bigint, g.symbol, last.seq, last.price, last.size,
       coalesce(last.bid, 'NaN'), coalesce(last.ask, 'NaN'), last.exchange, last.conditions, last.updates, last.side
from unnest($1::text[], $2::timestamptz[]) with ordinality g (symbol, since, n)
cross join lateral (
    select *
    from ticks t
    where t.symbol = g.symbol and t.time >= g.since and t.time >= $4 and t.time < $5
    order by t.time desc, t.seq desc
    limit $3
) last
order by g.n, last.time desc, last.seq desc
