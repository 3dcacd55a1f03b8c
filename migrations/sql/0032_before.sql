-- Makes room for 0020_refold.sql, and has the building of order flow as it was in 0013_order_flow.sql.
drop function tickdeck_repair_candles_v1(text, text[], timestamptz[]);
drop function tickdeck_refold_v1(text[], timestamptz[]);

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
