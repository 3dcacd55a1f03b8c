select pg_advisory_xact_lock(7455000001);

-- As before there were updates: every tick moves everything.
create temporary table refolded on commit drop as
select distinct symbol, time_bucket('1 minute', time) as bucket from ticks where updates is not null;

insert into candles (symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
                     first_time, first_seq, last_time, last_seq)
select r.symbol, '1m', r.bucket, f.*
from refolded r
cross join lateral (
    select first(t.price, t.place), max(t.price), min(t.price), last(t.price, t.place),
           sum(t.size), sum(t.price * t.size), count(*),
           min(t.time), first(t.seq, t.place), max(t.time), last(t.seq, t.place)
    from (
        select time, seq, price, size,
               _timescaledb_functions.to_unix_microseconds(time) * 18446744073709551616::numeric + seq as place
        from ticks
        where symbol = r.symbol and time >= r.bucket and time < r.bucket + interval '1 minute'
        offset 0
    ) t
) f
on conflict (symbol, interval, bucket) do update set
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
    first_time = excluded.first_time, first_seq = excluded.first_seq,
    last_time = excluded.last_time, last_seq = excluded.last_seq;

insert into stale_hours (symbol, hour)
select distinct symbol, time_bucket('1 hour', bucket) from refolded
on conflict do nothing;
delete from candles where first_time = '2200-01-01 00:00:00+00';

alter table candles drop column bounded;
-- The column itself stays, empty.  A chunk made after a column of ticks was dropped has other column numbers than ticks, and
-- TimescaleDB hands its rows to the trigger's transition table by number: what follows a dropped column reads as null there.
alter table ticks drop constraint ticks_updates;
update ticks set updates = null where updates is not null;
