-- The newest $5 candles of width $4 (a divisor of the hour) of symbol $1, folded from its minutes in [$2, $3),
-- newest first.  $6 is $5 times the minutes of one candle: that many minutes hold $5 whole candles at least,
-- and only the oldest candle found can lack some of its own.
select (extract(epoch from start) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from (
    select time_bucket($4::interval, bucket) as start,
           first(open, bucket) as open, max(high) as high, min(low) as low, last(close, bucket) as close,
           sum(volume) as volume, sum(turnover) as turnover, sum(trades)::bigint as trades,
           min(first_time) as first_time, first(first_seq, bucket) as first_seq,
           max(last_time) as last_time, last(last_seq, bucket) as last_seq
    from (
        select *
        from candles
        where symbol = $1 and interval = '1m' and bucket >= $2 and bucket < $3
        order by bucket desc
        limit $6
    ) minutes
    group by 1
    order by 1 desc
    limit $5
) folded
