-- The functions as they were before 0032 (0020_refold.sql, 0013_order_flow.sql).
-- Folds the candles of these minutes again, each _minutes[n] (whole) of _symbols[n], in the caller's transaction.
--
-- One-minute candles are folded from all of their ticks; one without a tick is removed.  What was built from them (5m to 1d)
-- is removed and their hours are stale, so that reads fold them until the builder has been there.  For that no writer may be
-- under way: it runs alone, as the builder does.  A minute whose ticks retention has dropped keeps its candle, which is all
-- that is left of them; what was built from it is made anew all the same.
--
-- Tells listeners to read the symbols again (see tickdeck_on_ticks_v1).
create or replace function tickdeck_refold_v1(_symbols text[], _minutes timestamptz[]) returns void
language plpgsql
security definer
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan     -- so that each statement opens the chunks of its own time only
as $$
#variable_conflict use_column
declare
    _each record;
    _first timestamptz;     -- in variables, for the planner leaves out chunks by plain bounds only
    _until timestamptz;
    _head text;
begin
    perform pg_advisory_xact_lock(7455000001);
    for _each in
        select distinct symbol, minute from unnest(_symbols, _minutes) t (symbol, minute) order by 1, 2
    loop
        _first := _each.minute;
        _until := _first + interval '1 minute';
        continue when exists (select from dropped_ticks d where d.first < _until and d.until > _first);
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

-- Folds up to _most hours of [_first, _until) that are over and not folded as they are now, the newest first; returns how many
-- (0: nothing to do, null: another one is at it).  What is over is what its 1h candle is built of.
create or replace function tickdeck_build_order_flow_v1(_first timestamptz, _until timestamptz, _most integer) returns integer
language plpgsql
security definer
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    _due record;
    _hours integer := 0;
    _whole boolean;
begin
    if not pg_try_advisory_xact_lock(7455000003) then
        return null;
    end if;
    for _due in
        select c.symbol, c.bucket as hour, c.trades, c.volume, c.turnover
        from candles c
        left join order_flow_hours h on h.symbol = c.symbol and h.hour = c.bucket
        where c.interval = '1h' and c.bucket >= _first and c.bucket < _until
          and (h.hour is null or (h.trades, h.volume, h.turnover) is distinct from (c.trades, c.volume, c.turnover))
          and not exists (select from stale_hours s where s.symbol = c.symbol and s.hour = c.bucket)
        order by c.bucket desc, c.symbol
        limit _most
    loop
        select count(*) = _due.trades into _whole
        from ticks t
        where t.symbol = _due.symbol and t.time >= _due.hour and t.time < _due.hour + interval '1 hour';
        delete from order_flow f
        where f.symbol = _due.symbol and f.minute >= _due.hour and f.minute < _due.hour + interval '1 hour';
        with cells as (
            select * from tickdeck_order_flow_v1(
                _due.symbol, _due.hour, _due.hour + interval '1 hour', _due.hour + interval '1 hour', 0)
            where _whole
        ), kept as (
            insert into order_flow (symbol, minute, price, bought, sold, unsided, trades)
            select _due.symbol, minute, price, bought, sold, unsided, trades from cells
        )
        insert into order_flow_hours as h (symbol, hour, volume, turnover, trades, by_feed, by_quotes, by_ticks,
                                           by_nothing, folded)
        select _due.symbol, _due.hour, _due.volume, _due.turnover, _due.trades, coalesce(sum(by_feed), 0),
               coalesce(sum(by_quotes), 0), coalesce(sum(by_ticks), 0), coalesce(sum(by_nothing), 0), _whole
        from cells
        on conflict (symbol, hour) do update set
            volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
            by_feed = excluded.by_feed, by_quotes = excluded.by_quotes, by_ticks = excluded.by_ticks,
            by_nothing = excluded.by_nothing, folded = excluded.folded;
        _hours := _hours + 1;
    end loop;
    return _hours;
end
$$;
