-- The offered ticks whose identity is taken by a tick that differs from them, as it is stored; $1 and $2 are the
-- first and last time offered, which keeps the search to their chunks.
select o.symbol, o.time, o.seq, t.price, t.size, t.bid, t.ask, t.exchange, t.conditions
from pg_temp.offered_ticks o
join ticks t on t.symbol = o.symbol and t.time = o.time and t.seq = o.seq
where t.time between $1 and $2
  and (t.price, t.size, t.bid, t.ask, t.exchange, t.conditions)
      is distinct from (o.price, o.size, o.bid, o.ask, o.exchange, o.conditions)
