-- The candles of width $4 of symbol $1, folded from its ticks in [$2, $3) that are not after (time, seq) = ($5, $6),
-- oldest first.
select (extract(epoch from start) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from (
    select time_bucket($4::interval, time) as start,
           first(price, (time, seq)) as open, max(price) as high, min(price) as low,
           last(price, (time, seq)) as close,
           sum(size) as volume, sum(price * size) as turnover, count(*) as trades,
           min(time) as first_time, first(seq, (time, seq)) as first_seq,
           max(time) as last_time, last(seq, (time, seq)) as last_seq
    from ticks
    where symbol = $1 and time >= $2 and time < $3 and (time, seq) <= ($5::timestamptz, $6::bigint)
    group by 1
    order by 1
) folded
