-- What the trigger on ticks would have made of ticks that were inserted past it.
with folded as (
    insert into candles (symbol, interval, bucket, open, high, low, close, volume, turnover, trades,
                         first_time, first_seq, last_time, last_seq)
    select symbol, '1m', time_bucket('1 minute', time), first(price, time), max(price), min(price),
           last(price, time), sum(size), sum(price * size), count(*), min(time), min(seq), max(time), max(seq)
    from ticks
    group by symbol, 3
    order by 3, symbol
    returning symbol, bucket
)
insert into stale_hours (symbol, hour)
select distinct symbol, time_bucket('1 hour', bucket) from folded
