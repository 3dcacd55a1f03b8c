-- In one order for all writers, so that two with the same ticks cannot deadlock.
insert into ticks (time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side)
select time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side
from pg_temp.offered_ticks
order by symbol, time, seq
on conflict do nothing
