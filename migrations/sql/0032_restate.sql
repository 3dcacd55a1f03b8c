-- Cancels and corrects ticks, and restates the candles that they are in, in one transaction.  The one way to change a
-- stored tick: nobody has the right to update or delete in `ticks`.
--
-- `_corrections` is a JSON array of objects: symbol, time_us, seq, kind (cancel, correct), exact (false: the newest tick of
-- that symbol and seq at or up to a day before time_us), known_us (null: now), reason, and for "correct" the values that
-- are other now, null where they stay: price, size, bid, ask, exchange, conditions, updates, side (0: not known).  They are
-- taken in order.  `_actor`: who it is, for the history and the audit log.
--
-- Returns for each, by its position from 0, what became of it: `done`; `same`, it was so already; `missing`, no such tick is
-- stored; `cancelled`, it is cancelled and cannot be corrected any more; `archived`, it lies in a day whose ticks are in the
-- archive, and is restated once they are restored.
--
-- The candles are folded again by tickdeck_refold_v1, which also tells listeners to read the symbols again.
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
    _now timestamptz;
    _found boolean;
    _symbols text[] := '{}';
    _minutes timestamptz[] := '{}';
    _cancels bigint := 0;
    _corrects bigint := 0;
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
        _found := found;
        -- What is found without its exact time may lie in the day before; what is not found may be in the archive there.
        if exists (select from archived_ticks a where a.symbol = _each.symbol
                   and (a.day = (coalesce(_tick.time, _time) at time zone 'UTC')::date
                        or not _found and not _each.exact
                           and a.day = ((_time - interval '1 day') at time zone 'UTC')::date)) then
            outcome := 'archived';
            return next;
            continue;
        end if;
        if not _found then
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
        _now := clock_timestamp();      -- one reading: what is known now was not known later than it is stored
        insert into tick_history (symbol, time, seq, kind, at, known_at, actor, reason, price, size, bid, ask, exchange,
                                  conditions, updates, side)
        values (_tick.symbol, _tick.time, _tick.seq, _each.kind, _now,
                coalesce(_timescaledb_functions.to_timestamp(_each.known_us), _now), _actor,
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

    perform tickdeck_refold_v1(_symbols, _minutes);
    insert into audit_log (event, actor, subject, detail)
    values ('ticks_restated', _actor, (select string_agg(distinct symbol, ', ') from unnest(_symbols[:10]) symbol),
            jsonb_build_object('cancelled', _cancels, 'corrected', _corrects));
end
$$;
