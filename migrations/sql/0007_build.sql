-- Builds the candles of more than a minute of up to _most stale hours that are over, oldest first; returns how many it
-- took (0: nothing to do, null: writers were in the way, try again).  Runs alone against the writers' shared lock, so
-- call it with a small _most and a lock_timeout.
--
-- A candle without a price has first_time at the end of all time and last_time at its beginning (0007_conditions), so
-- that the parts of a candle are merged by these and not by their buckets.
--
-- What it reads grows with _most and with nothing else: each hour and each day is an index scan of its own (hence
-- "lateral"), in just the chunks that all of them lie in (hence the bounds, and a plan that knows them: the planner
-- leaves out chunks by plain bounds only, not by a time and an interval added up).
create or replace function tickdeck_build_candles_v1(_most integer) returns integer
language plpgsql
security definer
set search_path = public, pg_temp
set plan_cache_mode = force_custom_plan
as $$
declare
    _symbols text[];
    _hours timestamptz[];
    _first timestamptz;
    _until timestamptz;
    _days_first timestamptz;
    _days_until timestamptz;
    _interval text;
    _width interval;
    _finer text;
begin
    if not pg_try_advisory_xact_lock(7455000001) then
        return null;
    end if;

    with taken as (
        delete from stale_hours s
        using (select symbol, hour from stale_hours
               where hour <= now() - interval '65 minutes'      -- over, even if the clock steps back a little
               order by hour, symbol limit _most) due
        where s.symbol = due.symbol and s.hour = due.hour
        returning s.symbol, s.hour
    )
    select array_agg(symbol), array_agg(hour), min(hour), max(hour) + interval '1 hour',
           min(hour) - interval '2 days', max(hour) + interval '2 days'
    into _symbols, _hours, _first, _until, _days_first, _days_until
    from taken;
    if _hours is null then
        return 0;
    end if;

    for _interval, _width, _finer in
        values ('5m', interval '5 minutes', '1m'), ('15m', interval '15 minutes', '5m'), ('1h', interval '1 hour', '15m')
    loop
        insert into candles (symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
                             first_time, first_seq, last_time, last_seq)
        select t.symbol, _interval, f.*
        from unnest(_symbols, _hours) t (symbol, hour)
        cross join lateral (
            select time_bucket(_width, c.bucket),
                   first(c.open, c.first_time), max(c.high), min(c.low), last(c.close, c.last_time),
                   sum(c.volume), sum(c.turnover), sum(c.trades)::bigint,
                   min(c.first_time), first(c.first_seq, c.first_time), max(c.last_time), last(c.last_seq, c.last_time)
            from candles c
            where c.symbol = t.symbol and c.interval = _finer
              and c.bucket >= t.hour and c.bucket < t.hour + interval '1 hour'
              and c.bucket >= _first and c.bucket < _until
            group by 1
        ) f
        on conflict (symbol, interval, bucket) do update set
            open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
            volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
            first_time = excluded.first_time, first_seq = excluded.first_seq,
            last_time = excluded.last_time, last_seq = excluded.last_seq;
    end loop;

    -- A day of a whole-hour zone folds from its hours, any other from its minutes.
    insert into candles (symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
                         first_time, first_seq, last_time, last_seq)
    select d.symbol, '1d', d.day, f.*
    from (
        select distinct t.symbol, label as day, first, next
        from unnest(_symbols, _hours) t (symbol, hour)
        join instruments i on i.symbol = t.symbol
        cross join lateral (values (t.hour), (t.hour + interval '59 minutes')) edge (at)
        cross join lateral (select date_trunc('day', at at time zone i.timezone) as date) here
        cross join lateral (
            select date at time zone i.timezone as label,
                   (date + interval '1 day') at time zone i.timezone as next_label
        ) midnight
        cross join lateral (    -- where the clock comes back over midnight, the day starts with the first one
            select case when (label - interval '1 hour') at time zone i.timezone >= date
                        then label - interval '1 hour' else label end as first,
                   case when (next_label - interval '1 hour') at time zone i.timezone >= date + interval '1 day'
                        then next_label - interval '1 hour' else next_label end as next
        ) span
    ) d
    cross join lateral (
        select first(c.open, c.first_time), max(c.high), min(c.low), last(c.close, c.last_time),
               sum(c.volume), sum(c.turnover), sum(c.trades)::bigint,
               min(c.first_time), first(c.first_seq, c.first_time), max(c.last_time), last(c.last_seq, c.last_time)
        from candles c
        where c.symbol = d.symbol and c.bucket >= d.first and c.bucket < d.next
          and c.interval = case when extract(epoch from d.first)::bigint % 3600 = 0
                                 and extract(epoch from d.next)::bigint % 3600 = 0
                                then '1h' else '1m' end
          and c.bucket >= _days_first and c.bucket < _days_until
        having count(*) > 0
    ) f
    on conflict (symbol, interval, bucket) do update set
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
        first_time = excluded.first_time, first_seq = excluded.first_seq,
        last_time = excluded.last_time, last_seq = excluded.last_seq;
    return cardinality(_hours);
end
$$;
