-- dropped_ticks: the stretches [first, until) whose ticks retention has dropped while it left their candles.  No tick
-- there is stored any more: without the ticks nobody can tell whether a candle counts it already.
create table dropped_ticks (
    first       timestamptz primary key,
    until       timestamptz not null check (until > first)
);
grant select on dropped_ticks to tickdeck_writer, tickdeck_reader;

-- What was dropped before this table was there: the days (UTC) that have candles and no chunk of ticks.
insert into dropped_ticks (first, until)
select day, day + interval '24 hours'
from (select distinct time_bucket('1 day', bucket) as day from candles where interval = '1m') days
where not exists (select from timescaledb_information.chunks c
                  where c.hypertable_schema = 'public' and c.hypertable_name = 'ticks'
                    and c.range_start < day + interval '24 hours' and c.range_end > day);
