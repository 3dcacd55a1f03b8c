-- What was bought and sold as it was known at an instant (0018_known.sql): tickdeck_order_flow_v1 (0013) over the ticks as they
-- were known then.  The hours of ticks that were something else are stale in tickdeck_known, so that what is folded already of
-- them does not count.  These ticks come of two tables and are sorted.
create function tickdeck_known.tickdeck_order_flow_v1(
    _symbol text, _first timestamptz, _until timestamptz, _up_time timestamptz, _up_seq bigint
)
returns table (
    minute timestamptz, price double precision, bought double precision, sold double precision, unsided double precision,
    trades bigint, by_feed bigint, by_quotes bigint, by_ticks bigint, by_nothing bigint
)
language sql stable
set search_path = tickdeck_known, public, pg_temp
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
revoke all on function tickdeck_known.tickdeck_order_flow_v1(text, timestamptz, timestamptz, timestamptz, bigint) from public;
grant execute on function tickdeck_known.tickdeck_order_flow_v1(text, timestamptz, timestamptz, timestamptz, bigint)
    to tickdeck_reader, tickdeck_writer;
