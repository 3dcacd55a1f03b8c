-- order_flow: what was bought and sold at each price of each minute, folded from the ticks; order_flow_hours: the hours of a
-- symbol that are in it, with the sums of their 1h candle, by which an hour that has changed since is told.
--
-- It is some sixtieth of the ticks, and stays where retention drops these.
create table order_flow (
    minute      timestamptz not null,
    price       double precision not null,
    bought      double precision not null,
    sold        double precision not null,
    unsided     double precision not null,                 -- traded, and it is not known by whom
    trades      bigint not null,
    symbol      text collate "C" not null
);
select create_hypertable('order_flow', by_range('minute', interval '30 days'), create_default_indexes => false);
create unique index order_flow_identity on order_flow (symbol, minute, price);

create table order_flow_hours (
    hour        timestamptz not null,
    volume      double precision not null,
    turnover    double precision not null,
    trades      bigint not null,
    by_feed     bigint not null,                           -- trades by what told their side, see tickdeck_order_flow_v1
    by_quotes   bigint not null,
    by_ticks    bigint not null,
    by_nothing  bigint not null,
    folded      boolean not null,                          -- false: its ticks were gone before
    symbol      text collate "C" not null,
    primary key (symbol, hour)
);

-- What was bought and sold at each price of each minute of [_first, _until), an hour or its beginning, of the ticks up to and
-- including (_up_time, _up_seq).  Only trades at a price of their moment count: by their conditions they move the volume,
-- and the last price or the range.  An average price of the day, or a block that is told later, does neither.
--
-- The side is the feed's; else that of the price against the middle of bid and ask, as Lee and Ready have it (1991); else the
-- tick rule: above the last other price bought, below sold.  The tick rule begins anew with each hour (UTC), so that an hour
-- is the same whatever was stored before it; its first trades have no side until the price moves.
--
-- The ticks come in the order of the index, so nothing is sorted: the newest move before each tick is the running maximum of
-- the moves' numbers, whose last bit is their direction.
create function tickdeck_order_flow_v1(
    _symbol text, _first timestamptz, _until timestamptz, _up_time timestamptz, _up_seq bigint
)
returns table (
    minute timestamptz, price double precision, bought double precision, sold double precision, unsided double precision,
    trades bigint, by_feed bigint, by_quotes bigint, by_ticks bigint, by_nothing bigint
)
language sql stable
set search_path = public, pg_temp
set enable_sort = off
as $$
    with moved as (
        select t.time, t.seq, t.price, t.size, t.side, row_number() over w as number,
               case when t.bid <= t.ask then sign(t.price - (t.bid + t.ask) / 2) end as quoted,
               t.price - lag(t.price) over w as moved
        from ticks t
        where t.symbol = _symbol and t.time >= _first and t.time < _until and (t.time, t.seq) <= (_up_time, _up_seq)
          and (t.updates is null or (t.updates & 4 <> 0 and t.updates & 3 <> 0))
        window w as (order by t.time, t.seq)
    ), ruled as (
        select time, price, size, side, quoted,
               max(case when moved > 0 then 2 * number + 1 when moved < 0 then 2 * number end)
                   over (order by time, seq rows unbounded preceding) as ticked
        from moved
    ), sided as (
        select time_bucket('1 minute', time) as minute, price, size,
               case when side is not null then side
                    when quoted <> 0 then quoted
                    when ticked is not null then 2 * (ticked & 1) - 1
                    else 0 end as side,
               case when side is not null then 1 when quoted <> 0 then 2 when ticked is not null then 3 else 4 end as by
        from ruled
    )
    select minute, price,
           coalesce(sum(size) filter (where side > 0), 0), coalesce(sum(size) filter (where side < 0), 0),
           coalesce(sum(size) filter (where side = 0), 0), count(*),
           count(*) filter (where by = 1), count(*) filter (where by = 2),
           count(*) filter (where by = 3), count(*) filter (where by = 4)
    from sided
    group by 1, 2
$$;

-- Folds up to _most hours of [_first, _until) that are over and not folded as they are now, the newest first; returns how many
-- (0: nothing to do, null: another one is at it).  What is over is what its 1h candle is built of.
create function tickdeck_build_order_flow_v1(_first timestamptz, _until timestamptz, _most integer) returns integer
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

grant select on order_flow, order_flow_hours to tickdeck_writer, tickdeck_reader;
revoke execute on function tickdeck_build_order_flow_v1(timestamptz, timestamptz, integer) from public;
grant execute on function tickdeck_build_order_flow_v1(timestamptz, timestamptz, integer) to tickdeck_writer, tickdeck_reader;
