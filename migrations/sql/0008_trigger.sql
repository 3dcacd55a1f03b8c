-- Keeps the 1m candles of the inserted ticks and tells the listeners, once a statement, in its transaction.
-- Raises, so that nothing of the statement is stored, TD001 where a tick lies in a stretch of dropped_ticks, and TD002
-- where one is dated more than `tickdeck.ticks_ahead` (an interval; 5 minutes where it is not set) after now or before
-- `tickdeck.ticks_since` (1980-01-01): it would be the last price until its time has come, or the oldest of all.
-- Both are settings of the session or the transaction: whoever loads history widens them for himself.
--
-- What a tick moves is in its `updates` (0007_conditions): only one that updates the last price has a place `k` in the
-- order of opens and closes.  A candle that no such tick is in has open = close = 0, first_time at the end of all time
-- and last_time at its beginning; high and low are infinite where no tick moves them: merging needs no special case.
--
-- Messages on channel tickdeck_v2 are JSON below 7,900 bytes:
--   {"x": transaction id, "t": µs since the epoch, "bars": [[symbol, second, open, high, low, close, volume,
--    turnover, trades, first_us, first_seq, last_us, last_seq, bid, ask], …]}
-- with one bar for each (symbol, second) of this statement's ticks only, times in µs (second: in s) since the
-- epoch, in as many messages as needed (open, close, first_* and last_* null where no tick updates the last price, high
-- and low null where none updates them); or, for over 500 bars or 4,000 ticks,
--   {"x": …, "t": …, "reload": [first_us, last_us]}: read the tables again for these minutes.
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
    _never_first constant timestamptz := '2200-01-01 00:00:00+00';
    _never_last constant timestamptz := '1969-12-31 23:59:59.999999+00';
    _head text;
    _ticks bigint;
    _lowest bigint;
    _highest bigint;
    _seqs bigint[];         -- in order, each once; null where `seq - _lowest` fits
    _tell boolean;
    _step bigint;
    _open_hour timestamptz;
    _dropped_first timestamptz;
    _dropped_until timestamptz;
    _oldest timestamptz;
    _newest timestamptz;
    _since timestamptz;
    _until timestamptz;
begin
    -- The end of what was dropped comes along for a few µs, and is null where nothing ever was.
    select count(*), min(seq), max(seq), min(time), max(time),
           (select until from dropped_ticks order by first desc limit 1)
    into _ticks, _lowest, _highest, _oldest, _newest, _dropped_until
    from new_ticks;
    if _ticks = 0 then
        return null;
    end if;
    select since, until into _since, _until from tickdeck_time_limits_v1();
    if _oldest < _since or _newest > _until then
        raise exception using
            errcode = 'TD002',
            message = format('a tick is dated %s UTC, %s',
                             to_char((case when _newest > _until then _newest else _oldest end) at time zone 'UTC',
                                     'YYYY-MM-DD HH24:MI:SS'),
                             case when _newest > _until
                                  then format('later than %s', to_char(_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
                                  else format('earlier than %s', to_char(_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
                             end),
            hint = 'Is its time right?  If it is: set local tickdeck.ticks_ahead = ''1 day'', or tickdeck.ticks_since = ''1970-01-01''.';
    end if;
    -- A statement that waited for a chunk's lock while the chunk was dropped comes here after that was committed, and
    -- sees it.  (At READ COMMITTED, as all feeds write; not in a transaction that keeps an older snapshot.)
    if _dropped_until is not null and exists (select from new_ticks where time < _dropped_until) then
        select d.first, d.until into _dropped_first, _dropped_until
        from dropped_ticks d
        where exists (select from new_ticks t where t.time >= d.first and t.time < d.until)
        order by d.first
        limit 1;
        if found then
            raise exception using
                errcode = 'TD001',
                message = format('the ticks from %s to %s UTC were dropped by retention and their candles kept',
                                 to_char(_dropped_first at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
                                 to_char(_dropped_until at time zone 'UTC', 'YYYY-MM-DD HH24:MI')),
                hint = 'No tick is stored there any more: the candles may count it already.';
        end if;
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
               max(range_price) as high,
               min(range_price) as low,
               last(price, k) as close,
               sum(counted) as volume,
               sum(price * counted) as turnover,
               count(*) as trades,
               count(*) = count(k) as bounded,
               last(bid, k) filter (where _tell) as bid,
               last(ask, k) filter (where _tell) as ask
        from (
            select symbol, price, bid, ask,
                   case when updates is null or updates & 3 <> 0 then price end as range_price,
                   case when updates is null or updates & 4 <> 0 then size else 0 end as counted,
                   _timescaledb_functions.to_unix_microseconds(time) / _step as slot,
                   case when updates is null or updates & 1 <> 0 then
                       ((_timescaledb_functions.to_unix_microseconds(time) % 60000000) << _rank_bits)
                       | case when _seqs is null then seq - _lowest else width_bucket(seq, _seqs) end
                   end as k
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
               bool_and(bounded) as bounded,
               min(first_k) as first_k,
               max(last_k) as last_k
        from bars
        group by 1, 2
    ), kept as (            -- always in (symbol, bucket) order, so that two writers cannot deadlock
        insert into candles as c (
            symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
            first_time, first_seq, last_time, last_seq, bounded)
        select symbol, '1m', _timescaledb_functions.to_timestamp(minute * 60000000),
               case when first_k is null then 0 else open end,
               coalesce(high, '-Infinity'), coalesce(low, 'Infinity'),
               case when last_k is null then 0 else close end,
               volume, turnover, trades,
               coalesce(_timescaledb_functions.to_timestamp(minute * 60000000 + (first_k >> _rank_bits)), _never_first),
               coalesce(case when _seqs is null then _lowest + (first_k & _rank_mask)
                             else _seqs[first_k & _rank_mask] end, 0),
               coalesce(_timescaledb_functions.to_timestamp(minute * 60000000 + (last_k >> _rank_bits)), _never_last),
               coalesce(case when _seqs is null then _lowest + (last_k & _rank_mask)
                             else _seqs[last_k & _rank_mask] end, 0),
               bounded
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
            bounded = c.bounded and excluded.bounded,
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
                   ',', to_json(symbol), slot,
                   case when first_k is null then 'null' else open::text end,
                   coalesce(high::text, 'null'), coalesce(low::text, 'null'),
                   case when last_k is null then 'null' else close::text end,
                   volume, turnover, trades,
                   coalesce((slot / 60 * 60000000 + (first_k >> _rank_bits))::text, 'null'),
                   coalesce((case when _seqs is null then _lowest + (first_k & _rank_mask)
                                  else _seqs[first_k & _rank_mask] end)::text, 'null'),
                   coalesce((slot / 60 * 60000000 + (last_k >> _rank_bits))::text, 'null'),
                   coalesce((case when _seqs is null then _lowest + (last_k & _rank_mask)
                                  else _seqs[last_k & _rank_mask] end)::text, 'null'),
                   coalesce(bid::text, 'null'), coalesce(ask::text, 'null')) as bar
        from bars
        where _tell and (select count(*) <= 500 from bars)
    ), parts as (
        select bar, sum(octet_length(bar) + 3) over (rows unbounded preceding) / 7200 as part from texts
    ), messages as (
        select concat(_head, ',"bars":[[', string_agg(bar, '],['), ']]}') as message from parts group by part
        union all
        select concat(_head, ',"reload":[', min(minute * 60000000), ',',
                      max(minute * 60000000 + 59999999), ']}')
        from minutes
        having not _tell or (select count(*) > 500 from bars)
    )
    select count(pg_notify('tickdeck_v2', message)) into _ticks from messages;
    return null;
end
$$;
