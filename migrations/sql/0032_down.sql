create or replace view tickdeck_known.changed as
select distinct on (symbol, time, seq)
       time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side
from public.tick_history h
where known_at > greatest(time, coalesce(nullif(current_setting('tickdeck.known_at', true), ''), 'infinity')::timestamptz)
  and not exists (select from public.dropped_ticks d where h.time >= d.first and h.time < d.until)
order by symbol, time, seq, id;
drop trigger ticks_not_archived on ticks;
drop function tickdeck_on_archived_v1();
drop table archived_ticks, archive_left, archive_identity;
