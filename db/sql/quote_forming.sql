-- The ticks of each symbol of $1 from $2 on that are not after (time, seq) = ($3, $4), folded into one candle.
select symbol, open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from (
    select symbol,
           -- part: folded
    from (
        select symbol, time, seq, price,
               -- part: moved
        from ticks
        where symbol = any ($1::text[]) and time >= $2 and time <= $3 and (time, seq) <= ($3::timestamptz, $4::bigint)
        offset 0        -- a fence: place is computed once a row
    ) t
    group by symbol
) folded
