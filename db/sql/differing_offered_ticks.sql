-- The offered ticks whose identity is taken by a tick that differs from them, as it is stored; $1 and $2 are the
-- first and last time offered, which keeps the search to their chunks.  A side that only one of them knows is no difference.
select o.symbol, o.time, o.seq, t.price, t.size, t.bid, t.ask, t.exchange, t.conditions,
       case t.side when 1 then 'buy' when -1 then 'sell' end as side
from pg_temp.offered_ticks o
join ticks t on t.symbol = o.symbol and t.time = o.time and t.seq = o.seq
where t.time between $1 and $2
  and ((t.price, t.size, t.bid, t.ask, t.exchange, t.conditions)
       is distinct from (o.price, o.size, o.bid, o.ask, o.exchange, o.conditions) or t.side <> o.side)
  -- nor is one that was corrected since a difference to what it was
  and not exists (
      select from tick_history h
      where h.symbol = o.symbol and h.time = o.time and h.seq = o.seq
        and (h.price, h.size, h.bid, h.ask, h.exchange, h.conditions)
            is not distinct from (o.price, o.size, o.bid, o.ask, o.exchange, o.conditions)
        and (h.side <> o.side) is not true
  )
