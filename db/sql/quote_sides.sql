-- Bid and ask of the ticks (symbol, time, seq) = ($1[n], $2[n], $3[n]), all of them in [$4, $5).
select t.symbol, t.bid, t.ask
from unnest($1::text[], $2::timestamptz[], $3::bigint[]) g (symbol, time, seq)
join ticks t on t.symbol = g.symbol and t.time = g.time and t.seq = g.seq
where t.time >= $4 and t.time < $5
