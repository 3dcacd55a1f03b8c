-- The candles of symbol $1 in [$2, $3), $4 wide, folded from the raw ticks: what a chart costs without any candles.
select (extract(epoch from start) * 1000000)::bigint, open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from (
    select time_bucket($4::interval, time, 'America/New_York') as start,
           first(price, time) as open, max(price) as high, min(price) as low, last(price, time) as close,
           sum(size) as volume, sum(price * size) as turnover, count(*) as trades,
           min(time) as first_time, first(seq, time) as first_seq,
           max(time) as last_time, last(seq, time) as last_seq
    from ticks
    where symbol = $1 and time >= $2 and time < $3
    group by 1
    order by 1
) folded
