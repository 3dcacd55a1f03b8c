-- As 0018_known.sql has it; of an archived day, too, the ticks read as they are: what they were is not undone in its file.
create or replace view tickdeck_known.changed as
select distinct on (symbol, time, seq)
       time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side
from public.tick_history h
where known_at > greatest(time, coalesce(nullif(current_setting('tickdeck.known_at', true), ''), 'infinity')::timestamptz)
  and not exists (select from public.dropped_ticks d where h.time >= d.first and h.time < d.until)
  and not exists (select from public.archived_ticks a where a.symbol = h.symbol and a.day = (h.time at time zone 'UTC')::date)
order by symbol, time, seq, id;
