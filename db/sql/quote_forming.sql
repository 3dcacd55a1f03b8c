-- The ticks of each symbol of $1 from $2 on that are not after (time, seq) = ($3, $4), folded into one candle.
select symbol,
       first(price, place), max(price), min(price), last(price, place),
       sum(size), sum(price * size), count(*),
       (extract(epoch from min(time)) * 1000000)::bigint, first(seq, place),
       (extract(epoch from max(time)) * 1000000)::bigint, last(seq, place)
from (
    select symbol, time, seq, price, size,
           _timescaledb_functions.to_unix_microseconds(time) * 18446744073709551616::numeric + seq as place
    from ticks
    where symbol = any ($1::text[]) and time >= $2 and time <= $3 and (time, seq) <= ($3::timestamptz, $4::bigint)
    offset 0        -- a fence: place (see candles_from_ticks.sql) is computed once a row
) t
group by symbol
