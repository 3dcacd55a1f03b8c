-- Ticks and candles as they were known at an instant: before the cancels and corrections that were said later.
--
-- tickdeck_known has the names of the tables, so that every statement reads as known which has this schema before public
-- in its search_path; the instant is the setting tickdeck.known_at (none: the end of all time, when all is known).  A tick
-- that is yet to come by then is as it was known in its own time.  Candles of the minutes in question are folded from
-- the ticks, and their hours are stale, so that what was built from them counts as little as where a tick came late.
-- What retention has dropped cannot be folded any more: its candles are the corrected ones.
create schema tickdeck_known;
grant usage on schema tickdeck_known to tickdeck_reader, tickdeck_writer;

-- The ticks that were something else by then: what they were.
create view tickdeck_known.changed as
select distinct on (symbol, time, seq)
       time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side
from public.tick_history h
where known_at > greatest(time, coalesce(nullif(current_setting('tickdeck.known_at', true), ''), 'infinity')::timestamptz)
  and not exists (select from public.dropped_ticks d where h.time >= d.first and h.time < d.until)
order by symbol, time, seq, id;

create view tickdeck_known.ticks as
select time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side
from public.ticks
where (symbol, time, seq) not in (select symbol, time, seq from tickdeck_known.changed)      -- hashed once
union all
select time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side
from tickdeck_known.changed;

create view tickdeck_known.minutes as
select distinct symbol, time_bucket('1 minute', time) as minute from tickdeck_known.changed;

-- The one-minute candle of a symbol, of the ticks as they were known; no row where there was none.  A function, so that
-- each minute opens the chunk of its own time only; the fold is that of tickdeck_restate_ticks_v1.
create function tickdeck_known.minute(_symbol text, _minute timestamptz)
returns table (first_time timestamptz, last_time timestamptz, first_seq bigint, last_seq bigint,
               open double precision, high double precision, low double precision, close double precision,
               volume double precision, turnover double precision, trades bigint, bounded boolean)
language plpgsql
stable
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    _until timestamptz := _minute + interval '1 minute';
begin
    return query
    select coalesce(min(time) filter (where place is not null), '2200-01-01 00:00:00+00'),
           coalesce(max(time) filter (where place is not null), '1969-12-31 23:59:59.999999+00'),
           coalesce(public.first(seq, place) filter (where place is not null), 0),
           coalesce(public.last(seq, place) filter (where place is not null), 0),
           coalesce(public.first(price, place) filter (where place is not null), 0),
           coalesce(max(price) filter (where moves_range), '-Infinity'),
           coalesce(min(price) filter (where moves_range), 'Infinity'),
           coalesce(public.last(price, place) filter (where place is not null), 0),
           sum(counted), sum(price * counted), count(*), count(*) = count(place)
    from (
        select time, seq, price,
               case when updates is null or updates & 4 <> 0 then size else 0 end as counted,
               updates is null or updates & 3 <> 0 as moves_range,
               case when updates is null or updates & 1 <> 0 then
                   _timescaledb_functions.to_unix_microseconds(time) * 18446744073709551616::numeric + seq
               end as place
        from tickdeck_known.ticks
        where symbol = _symbol and time >= _minute and time < _until
        offset 0        -- a fence: place is computed once a row, not once an aggregate
    ) t
    having count(*) > 0;
end
$$;
revoke all on function tickdeck_known.minute(text, timestamptz) from public;
grant execute on function tickdeck_known.minute(text, timestamptz) to tickdeck_reader, tickdeck_writer;

create view tickdeck_known.candles as
select bucket, first_time, last_time, first_seq, last_seq, open, high, low, close, volume, turnover, trades,
       symbol, interval, bounded
from public.candles
where interval <> '1m' or (symbol, bucket) not in (select symbol, minute from tickdeck_known.minutes)
union all
select m.minute, k.first_time, k.last_time, k.first_seq, k.last_seq, k.open, k.high, k.low, k.close, k.volume, k.turnover,
       k.trades, m.symbol, '1m', k.bounded
from tickdeck_known.minutes m
cross join lateral tickdeck_known.minute(m.symbol, m.minute) k;

create view tickdeck_known.stale_hours as
select symbol, hour from public.stale_hours
union
select symbol, time_bucket('1 hour', minute) from tickdeck_known.minutes;

grant select on all tables in schema tickdeck_known to tickdeck_reader, tickdeck_writer;
