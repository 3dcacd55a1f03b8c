-- The candles of width $4 of symbol $1, folded from its ticks in [$2, $3) that are not after (time, seq) = ($5, $6),
-- oldest first; those without a price too (as in the trigger).
select (extract(epoch from start) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from (
    select time_bucket($4::interval, time) as start,
           -- part: folded
    from (
        select time, seq, price,
               -- part: moved
        from ticks
        where symbol = $1 and time >= $2 and time < $3 and (time, seq) <= ($5::timestamptz, $6::bigint)
        offset 0        -- a fence: place is computed once a row
    ) t
    group by 1
    order by 1
) folded
