-- The history of the ticks of the symbols $1 in [$2, $3), by symbol, time, seq and in the order of the changes: what each
-- was before.  Times in µs since the epoch.
select id, symbol, (extract(epoch from time) * 1000000)::bigint as time_us, seq, kind,
       (extract(epoch from at) * 1000000)::bigint as at_us,
       (extract(epoch from known_at) * 1000000)::bigint as known_us, actor, reason,
       price, size, bid, ask, exchange, conditions, updates, side
from tick_history
where symbol = any ($1::text[]) and time >= $2 and time < $3
order by symbol, tick_history.time, seq, id
