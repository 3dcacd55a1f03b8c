-- Cancels and corrects ticks, and restates the candles that they are in, in one transaction.  The one way to change a
-- stored tick: nobody has the right to update or delete in `ticks`.
--
-- `_corrections` is a JSON array of objects: symbol, time_us, seq, kind (cancel, correct), exact (false: the newest tick of
-- that symbol and seq at or up to a day before time_us), known_us (null: now), reason, and for "correct" the values that
-- are other now, null where they stay: price, size, bid, ask, exchange, conditions, updates, side (0: not known).  They are
-- taken in order.  `_actor`: who it is, for the history and the audit log.
--
-- Returns for each, by its position from 0, what became of it: `done`; `same`, it was so already; `missing`, no such tick is
-- stored; `cancelled`, it is cancelled and cannot be corrected any more.
--
-- One-minute candles are folded again from all of their ticks.  What was built from them is removed and their hours are
-- stale, so that reads fold them until the builder has been there.  For that no writer may be under way: it runs alone,
-- as the builder does.  Tells listeners to read the symbols again (see tickdeck_on_ticks_v1).
create or replace function tickdeck_restate_ticks_v1(_actor text, _corrections jsonb)
returns table (n integer, outcome text)
language plpgsql
security definer
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan     -- so that each statement opens the chunks of its own time only
as $$
#variable_conflict use_column
declare
    _each record;
    _tick ticks%rowtype;
    _new ticks%rowtype;
    _time timestamptz;
    _first timestamptz;     -- in variables, for the planner leaves out chunks by plain bounds only
    _until timestamptz;
    _symbols text[] := '{}';
    _minutes timestamptz[] := '{}';
    _cancels bigint := 0;
    _corrects bigint := 0;
    _head text;
begin
    perform pg_advisory_xact_lock(7455000001);
    for _each in
        select c.*, row_number() over () - 1 as place
        from jsonb_to_recordset(_corrections) as c (
            symbol text, time_us bigint, seq bigint, kind text, exact boolean, known_us bigint, reason text,
            price double precision, size double precision, bid double precision, ask double precision,
            exchange text, conditions text, updates smallint, side smallint)
    loop
        n := _each.place;
        _time := _timescaledb_functions.to_timestamp(_each.time_us);
        if _each.exact then
            select * into _tick from ticks
            where symbol = _each.symbol and time = _time and seq = _each.seq;
        else
            select * into _tick from ticks
            where symbol = _each.symbol and time <= _time and time > _time - interval '1 day' and seq = _each.seq
            order by time desc limit 1;
        end if;
        if not found then
            perform from tick_history
            where symbol = _each.symbol and seq = _each.seq and kind = 'cancel' and time <= _time
              and (time = _time or not _each.exact and time > _time - interval '1 day');
            outcome := case when not found then 'missing' when _each.kind = 'cancel' then 'same' else 'cancelled' end;
            return next;
            continue;
        end if;
        _new := _tick;
        if _each.kind = 'correct' then
            _new.price := coalesce(_each.price, _tick.price);
            _new.size := coalesce(_each.size, _tick.size);
            _new.bid := coalesce(_each.bid, _tick.bid);
            _new.ask := coalesce(_each.ask, _tick.ask);
            _new.exchange := coalesce(_each.exchange, _tick.exchange);
            _new.conditions := coalesce(_each.conditions, _tick.conditions);
            _new.updates := coalesce(_each.updates, _tick.updates);
            _new.side := case when _each.side is null then _tick.side else nullif(_each.side, 0) end;
            if _new is not distinct from _tick then
                outcome := 'same';
                return next;
                continue;
            end if;
        end if;
        insert into tick_history (symbol, time, seq, kind, known_at, actor, reason, price, size, bid, ask, exchange,
                                  conditions, updates, side)
        values (_tick.symbol, _tick.time, _tick.seq, _each.kind,
                coalesce(_timescaledb_functions.to_timestamp(_each.known_us), clock_timestamp()), _actor,
                coalesce(_each.reason, ''), _tick.price, _tick.size, _tick.bid, _tick.ask, _tick.exchange,
                _tick.conditions, _tick.updates, _tick.side);
        if _each.kind = 'cancel' then
            delete from ticks where symbol = _tick.symbol and time = _tick.time and seq = _tick.seq;
            _cancels := _cancels + 1;
        else
            update ticks
            set price = _new.price, size = _new.size, bid = _new.bid, ask = _new.ask, exchange = _new.exchange,
                conditions = _new.conditions, updates = _new.updates, side = _new.side
            where symbol = _tick.symbol and time = _tick.time and seq = _tick.seq;
            _corrects := _corrects + 1;
        end if;
        _symbols := _symbols || _tick.symbol;
        _minutes := _minutes || time_bucket('1 minute', _tick.time);
        outcome := 'done';
        return next;
    end loop;
    if _symbols = '{}' then
        return;
    end if;

    for _each in
        select distinct symbol, minute from unnest(_symbols, _minutes) t (symbol, minute) order by 1, 2
    loop
        _first := _each.minute;
        _until := _first + interval '1 minute';
        insert into candles (symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
                             first_time, first_seq, last_time, last_seq, bounded)
        select _each.symbol, '1m', _first,
               coalesce(first(price, place) filter (where place is not null), 0),
               coalesce(max(price) filter (where moves_range), '-Infinity'),
               coalesce(min(price) filter (where moves_range), 'Infinity'),
               coalesce(last(price, place) filter (where place is not null), 0),
               sum(counted), sum(price * counted), count(*),
               coalesce(min(time) filter (where place is not null), '2200-01-01 00:00:00+00'),
               coalesce(first(seq, place) filter (where place is not null), 0),
               coalesce(max(time) filter (where place is not null), '1969-12-31 23:59:59.999999+00'),
               coalesce(last(seq, place) filter (where place is not null), 0),
               count(*) = count(place)
        from (
            select time, seq, price,
                   case when updates is null or updates & 4 <> 0 then size else 0 end as counted,
                   updates is null or updates & 3 <> 0 as moves_range,
                   case when updates is null or updates & 1 <> 0 then
                       _timescaledb_functions.to_unix_microseconds(time) * 18446744073709551616::numeric + seq
                   end as place
            from ticks
            where symbol = _each.symbol and time >= _first and time < _until
            offset 0        -- a fence: place is computed once a row, not once an aggregate
        ) t
        having count(*) > 0
        on conflict (symbol, interval, bucket) do update set
            open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
            volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
            first_time = excluded.first_time, first_seq = excluded.first_seq,
            last_time = excluded.last_time, last_seq = excluded.last_seq, bounded = excluded.bounded;
        if not found then       -- it has no tick any more
            delete from candles where symbol = _each.symbol and interval = '1m' and bucket = _first;
        end if;
    end loop;

    for _each in
        select distinct symbol, time_bucket('1 hour', minute) as hour
        from unnest(_symbols, _minutes) t (symbol, minute) order by 1, 2
    loop
        insert into stale_hours (symbol, hour) values (_each.symbol, _each.hour) on conflict do nothing;
        _first := _each.hour;
        _until := _first + interval '1 hour';
        delete from candles
        where symbol = _each.symbol and interval in ('5m', '15m', '1h')
          and bucket >= _first and bucket < _until;
        _first := _each.hour - interval '3 days';
        _until := _each.hour + interval '3 days';
        delete from candles
        where symbol = _each.symbol and interval = '1d'
          and bucket > _first and bucket < _until
          and bucket in (
              select (date_trunc('day', edge.at at time zone i.timezone - i.day_shift) + i.day_shift) at time zone i.timezone
              from instruments i
              cross join lateral (values (_each.hour), (_each.hour + interval '59 minutes')) edge (at)
              where i.symbol = _each.symbol);
    end loop;

    insert into audit_log (event, actor, subject, detail)
    values ('ticks_restated', _actor, (select string_agg(distinct symbol, ', ') from unnest(_symbols[:10]) symbol),
            jsonb_build_object('cancelled', _cancels, 'corrected', _corrects));

    _head := '{"x":' || pg_current_xact_id()::text
             || ',"t":' || _timescaledb_functions.to_unix_microseconds(clock_timestamp());
    perform pg_notify('tickdeck_v2', case
        when count(*) <= 40 then concat(_head, ',"restated":', json_agg(symbol), '}')
        else concat(_head, ',"reload":[', min(first), ',', max(last), ']}') end)
    from (
        select symbol, min(_timescaledb_functions.to_unix_microseconds(minute)) as first,
               max(_timescaledb_functions.to_unix_microseconds(minute)) + 59999999 as last
        from unnest(_symbols, _minutes) t (symbol, minute) group by symbol
    ) s;
end
$$;
