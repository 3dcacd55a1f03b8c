-- Keeps the 1m candles of the inserted ticks and tells the listeners, once a statement, in its transaction.
--
-- Messages on channel tickdeck_v1 are JSON below 7,900 bytes:
--   {"x": transaction id, "t": µs since the epoch, "bars": [[symbol, second, open, high, low, close, volume,
--    turnover, trades, first_us, first_seq, last_us, last_seq, bid, ask], …]}
-- with one bar for each (symbol, second) of this statement's ticks only, times in µs (second: in s) since the
-- epoch, in as many messages as needed; or, for over 500 bars or 4,000 ticks,
--   {"x": …, "t": …, "reload": [first_us, last_us]}: read the tables again for that range.
--
-- What each step costs was measured (see docs/performance.md).  Two things save the most: ticks are not sorted, and
-- each is read once, by one hash aggregate.  For that (time, seq) is packed into one bigint, `k`: 26 bits of µs
-- within the minute and 37 bits of seq, counted from the statement's smallest.  Where seqs of one statement
-- lie further apart than that, their rank among the statement's seqs takes their place.
create or replace function tickdeck_on_ticks_v1() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    _rank_bits constant integer := 37;
    _rank_mask constant bigint := (1::bigint << 37) - 1;
    _head text;
    _ticks bigint;
    _lowest bigint;
    _highest bigint;
    _seqs bigint[];         -- in order, each once; null where `seq - _lowest` fits
    _tell boolean;
    _step bigint;
    _open_hour timestamptz;
begin
    select count(*), min(seq), max(seq) into _ticks, _lowest, _highest from new_ticks;
    if _ticks = 0 then
        return null;
    end if;
    if (_highest >> (_rank_bits - 1)) - (_lowest >> (_rank_bits - 1)) > 1 then
        select array_agg(seq order by seq) into _seqs from (select distinct seq from new_ticks) s;
    end if;
    _tell := _ticks <= 4000;
    _step := case when _tell then 1000000 else 60000000 end;
    _head := '{"x":' || pg_current_xact_id()::text
             || ',"t":' || _timescaledb_functions.to_unix_microseconds(clock_timestamp());

    -- Shared with every writer; the builder of coarser candles takes it alone, for moments.
    perform pg_advisory_xact_lock_shared(7455000001);
    _open_hour := time_bucket('1 hour', clock_timestamp());

    with bars as materialized (
        select symbol, slot,
               min(k) as first_k,
               max(k) as last_k,
               first(price, k) as open,
               max(price) as high,
               min(price) as low,
               last(price, k) as close,
               sum(size) as volume,
               sum(price * size) as turnover,
               count(*) as trades,
               last(bid, k) filter (where _tell) as bid,
               last(ask, k) filter (where _tell) as ask
        from (
            select symbol, price, size, bid, ask,
                   _timescaledb_functions.to_unix_microseconds(time) / _step as slot,
                   ((_timescaledb_functions.to_unix_microseconds(time) % 60000000) << _rank_bits)
                   | case when _seqs is null then seq - _lowest else width_bucket(seq, _seqs) end as k
            from new_ticks
            offset 0        -- a fence: k is computed once a row, not once an aggregate
        ) t
        group by symbol, slot
    ), minutes as materialized (
        select symbol,
               slot * _step / 60000000 as minute,
               first(open, first_k) as open,
               max(high) as high,
               min(low) as low,
               last(close, last_k) as close,
               sum(volume) as volume,
               sum(turnover) as turnover,
               sum(trades)::bigint as trades,
               min(first_k) as first_k,
               max(last_k) as last_k
        from bars
        group by 1, 2
    ), kept as (            -- always in (symbol, bucket) order, so that two writers cannot deadlock
        insert into candles as c (
            symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
            first_time, first_seq, last_time, last_seq)
        select symbol, '1m', _timescaledb_functions.to_timestamp(minute * 60000000),
               open, high, low, close, volume, turnover, trades,
               _timescaledb_functions.to_timestamp(minute * 60000000 + (first_k >> _rank_bits)),
               case when _seqs is null then _lowest + (first_k & _rank_mask)
                    else _seqs[first_k & _rank_mask] end,
               _timescaledb_functions.to_timestamp(minute * 60000000 + (last_k >> _rank_bits)),
               case when _seqs is null then _lowest + (last_k & _rank_mask)
                    else _seqs[last_k & _rank_mask] end
        from minutes
        order by symbol, minute
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
        returning symbol, bucket, xmax = 0 as is_new
    ), marked as (          -- an hour that is not over was marked by its first candle, and stays so until it is
        insert into stale_hours (symbol, hour)
        select distinct symbol, time_bucket('1 hour', bucket) from kept
        where is_new or bucket < _open_hour
        order by 1, 2
        on conflict do nothing
    ), registered as (
        insert into instruments (symbol)
        select distinct symbol from kept where is_new order by 1
        on conflict do nothing
    ), texts as (
        select concat_ws(
                   ',', to_json(symbol), slot, open, high, low, close, volume, turnover, trades,
                   slot / 60 * 60000000 + (first_k >> _rank_bits),
                   case when _seqs is null then _lowest + (first_k & _rank_mask)
                        else _seqs[first_k & _rank_mask] end,
                   slot / 60 * 60000000 + (last_k >> _rank_bits),
                   case when _seqs is null then _lowest + (last_k & _rank_mask)
                        else _seqs[last_k & _rank_mask] end,
                   coalesce(bid::text, 'null'), coalesce(ask::text, 'null')) as bar
        from bars
        where _tell and (select count(*) <= 500 from bars)
    ), parts as (
        select bar, sum(octet_length(bar) + 3) over (rows unbounded preceding) / 7200 as part from texts
    ), messages as (
        select concat(_head, ',"bars":[[', string_agg(bar, '],['), ']]}') as message from parts group by part
        union all
        select concat(_head, ',"reload":[', min(minute * 60000000 + (first_k >> _rank_bits)), ',',
                      max(minute * 60000000 + (last_k >> _rank_bits)), ']}')
        from minutes
        having not _tell or (select count(*) > 500 from bars)
    )
    select count(pg_notify('tickdeck_v1', message)) into _ticks from messages;
    return null;
end
$$;
