insert into ticks (time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side)
select time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side from pg_temp.archived_day
order by symbol, time, seq;
