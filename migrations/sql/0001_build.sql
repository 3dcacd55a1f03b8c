-- Builds the 1h and 1d candles of up to _most stale hours that are over, oldest first; returns how many it took
-- (0: nothing to do, null: writers were in the way, try again).  Runs alone against the writers' shared lock, so
-- call it with a small _most and a lock_timeout.
create or replace function tickdeck_build_candles_v1(_most integer) returns integer
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    _hours integer;
begin
    if not pg_try_advisory_xact_lock(7455000001) then
        return null;
    end if;

    create temp table if not exists taken_hours (symbol text collate "C", hour timestamptz) on commit drop;
    truncate taken_hours;
    with taken as (
        delete from stale_hours s
        using (select symbol, hour from stale_hours
               where hour <= now() - interval '65 minutes'      -- over, even if the clock steps back a little
               order by hour, symbol limit _most) due
        where s.symbol = due.symbol and s.hour = due.hour
        returning s.symbol, s.hour
    )
    insert into taken_hours select symbol, hour from taken;
    get diagnostics _hours = row_count;
    if _hours = 0 then
        return 0;
    end if;

    insert into candles (symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
                         first_time, first_seq, last_time, last_seq)
    select c.symbol, '1h', t.hour,
           first(c.open, c.bucket), max(c.high), min(c.low), last(c.close, c.bucket),
           sum(c.volume), sum(c.turnover), sum(c.trades)::bigint,
           min(c.first_time), first(c.first_seq, c.bucket), max(c.last_time), last(c.last_seq, c.bucket)
    from taken_hours t
    join candles c on c.symbol = t.symbol and c.interval = '1m'
                  and c.bucket >= t.hour and c.bucket < t.hour + interval '1 hour'
    group by c.symbol, t.hour
    on conflict (symbol, interval, bucket) do update set
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
        first_time = excluded.first_time, first_seq = excluded.first_seq,
        last_time = excluded.last_time, last_seq = excluded.last_seq;

    -- A day of a whole-hour zone folds from its hours, any other from its minutes.
    insert into candles (symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
                         first_time, first_seq, last_time, last_seq)
    select d.symbol, '1d', d.day,
           first(c.open, c.bucket), max(c.high), min(c.low), last(c.close, c.bucket),
           sum(c.volume), sum(c.turnover), sum(c.trades)::bigint,
           min(c.first_time), first(c.first_seq, c.bucket), max(c.last_time), last(c.last_seq, c.bucket)
    from (
        select distinct t.symbol, label as day, first, next
        from taken_hours t
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
    join candles c on c.symbol = d.symbol and c.bucket >= d.first and c.bucket < d.next
        and c.interval = case when extract(epoch from d.first)::bigint % 3600 = 0
                               and extract(epoch from d.next)::bigint % 3600 = 0
                              then '1h' else '1m' end
    group by d.symbol, d.day
    on conflict (symbol, interval, bucket) do update set
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
        first_time = excluded.first_time, first_seq = excluded.first_seq,
        last_time = excluded.last_time, last_seq = excluded.last_seq;
    return _hours;
end
$$;
