-- Keeps the 1m candles of the inserted ticks and tells the listeners, once a statement, in its transaction.
--
-- Messages on channel tickdeck_v1 are JSON below 7,900 bytes:
--   {"x": transaction id, "t": µs since the epoch, "bars": [[symbol, second, open, high, low, close, volume,
--    turnover, trades, first_us, first_seq, last_us, last_seq, bid, ask], …]}
-- with one bar for each (symbol, second) of this statement's ticks only, times in µs (second: in s) since the
-- epoch, in as many messages as needed; or, where that would be over 500 bars,
--   {"x": …, "t": …, "reload": [first_us, last_us]}: read the tables again for that range.
create function tickdeck_on_ticks_v1() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    _head text := '{"x":' || pg_current_xact_id()::text
                  || ',"t":' || (extract(epoch from clock_timestamp()) * 1000000)::bigint;
    _sent bigint;
begin
    -- Shared with every writer; the builder of coarser candles takes it alone, for moments.
    perform pg_advisory_xact_lock_shared(7455000001);

    with ordered as (       -- one sort gives every first() and last() below its order, ties by seq
        select symbol, time, seq, price, size, bid, ask,
               row_number() over (order by symbol, time, seq) as n
        from new_ticks
    ), bars as materialized (
        select symbol,
               time_bucket('1 second', time) as second,
               min(n) as first_n,
               max(n) as last_n,
               first(price, n) as open,
               max(price) as high,
               min(price) as low,
               last(price, n) as close,
               sum(size) as volume,
               sum(price * size) as turnover,
               count(*) as trades,
               min(time) as first_time,
               first(seq, n) as first_seq,
               max(time) as last_time,
               last(seq, n) as last_seq,
               last(bid, n) as bid,
               last(ask, n) as ask
        from ordered
        group by 1, 2
    ), minutes as materialized (
        select symbol,
               time_bucket('1 minute', second) as bucket,
               first(open, first_n) as open,
               max(high) as high,
               min(low) as low,
               last(close, last_n) as close,
               sum(volume) as volume,
               sum(turnover) as turnover,
               sum(trades)::bigint as trades,
               min(first_time) as first_time,
               first(first_seq, first_n) as first_seq,
               max(last_time) as last_time,
               last(last_seq, last_n) as last_seq
        from bars
        group by 1, 2
    ), kept as (            -- always in (symbol, bucket) order, so that two writers cannot deadlock
        insert into candles as c (
            symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
            first_time, first_seq, last_time, last_seq)
        select symbol, '1m', bucket, open, high, low, close, volume, turnover, trades,
               first_time, first_seq, last_time, last_seq
        from minutes
        order by symbol, bucket
        on conflict (symbol, interval, bucket) do update set
            open = case when (excluded.first_time, excluded.first_seq) < (c.first_time, c.first_seq)
                        then excluded.open else c.open end,
            high = greatest(c.high, excluded.high),
            low = least(c.low, excluded.low),
            close = case when (excluded.last_time, excluded.last_seq) > (c.last_time, c.last_seq)
                         then excluded.close else c.close end,
            volume = c.volume + excluded.volume,
            turnover = c.turnover + excluded.turnover,
            trades = c.trades + excluded.trades,
            first_seq = case when (excluded.first_time, excluded.first_seq) < (c.first_time, c.first_seq)
                             then excluded.first_seq else c.first_seq end,
            first_time = least(c.first_time, excluded.first_time),
            last_seq = case when (excluded.last_time, excluded.last_seq) > (c.last_time, c.last_seq)
                            then excluded.last_seq else c.last_seq end,
            last_time = greatest(c.last_time, excluded.last_time)
    ), marked as (
        insert into stale_hours (symbol, hour)
        select distinct symbol, time_bucket('1 hour', bucket) from minutes order by 1, 2
        on conflict do nothing
    ), registered as (
        insert into instruments (symbol)
        select distinct m.symbol from minutes m
        where not exists (select from instruments i where i.symbol = m.symbol)
        order by 1
        on conflict do nothing
    ), texts as (
        select format('[%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s]',
                      to_json(symbol), extract(epoch from second)::bigint,
                      open, high, low, close, volume, turnover, trades,
                      (extract(epoch from first_time) * 1000000)::bigint, first_seq,
                      (extract(epoch from last_time) * 1000000)::bigint, last_seq,
                      coalesce(bid::text, 'null'), coalesce(ask::text, 'null')) as bar,
               first_n
        from bars
        where (select count(*) <= 500 from bars)
    ), parts as (
        select bar, first_n, sum(octet_length(bar) + 1) over (order by first_n) / 7200 as part from texts
    ), messages as (
        select _head || ',"bars":[' || string_agg(bar, ',' order by first_n) || ']}' as message
        from parts
        group by part
        union all
        select _head || ',"reload":['
               || (extract(epoch from min(first_time)) * 1000000)::bigint || ','
               || (extract(epoch from max(last_time)) * 1000000)::bigint || ']}'
        from bars
        having count(*) > 500
    )
    select count(pg_notify('tickdeck_v1', message)) into _sent from messages;
    return null;
end
$$;

create trigger ticks_keep_candles after insert on ticks
    referencing new table as new_ticks
    for each statement execute function tickdeck_on_ticks_v1();
