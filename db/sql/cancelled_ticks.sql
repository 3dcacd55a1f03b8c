-- Which of the ticks (symbol, time, seq) = ($1[n], $2[n], $3[n]) were cancelled: their n, from 0.
select (g.n - 1)::integer
from unnest($1::text[], $2::timestamptz[], $3::bigint[]) with ordinality g (symbol, time, seq, n)
where exists (
    select from tick_history h
    where h.symbol = g.symbol and h.time = g.time and h.seq = g.seq and h.kind = 'cancel'
)
