-- The candles of width $4 of symbol $1, folded from its ticks in [$2, $3) that are not after (time, seq) = ($5, $6),
-- oldest first.  `place` orders ticks as (time, seq) does; a row of both cannot be handed from one half of a split
-- aggregation to the other ("input of anonymous composite types is not implemented").
select (extract(epoch from start) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from (
    select time_bucket($4::interval, time) as start,
           first(price, place) as open, max(price) as high, min(price) as low,
           last(price, place) as close,
           sum(size) as volume, sum(price * size) as turnover, count(*) as trades,
           min(time) as first_time, first(seq, place) as first_seq,
           max(time) as last_time, last(seq, place) as last_seq
    from (
        select time, seq, price, size,
               _timescaledb_functions.to_unix_microseconds(time) * 18446744073709551616::numeric + seq as place
        from ticks
        where symbol = $1 and time >= $2 and time < $3 and (time, seq) <= ($5::timestamptz, $6::bigint)
        offset 0        -- a fence: place is computed once a row, not once an aggregate
    ) t
    group by 1
    order by 1
) folded
