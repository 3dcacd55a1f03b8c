-- The ticks of each symbol of $1 from $2 on that are not after (time, seq) = ($3, $4), folded into one candle.
select symbol, open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from (
    select symbol,
           coalesce(first(price, place) filter (where place is not null), 0) as open,
           coalesce(max(price) filter (where moves_range), '-Infinity') as high,
           coalesce(min(price) filter (where moves_range), 'Infinity') as low,
           coalesce(last(price, place) filter (where place is not null), 0) as close,
           sum(counted) as volume, sum(price * counted) as turnover, count(*) as trades,
           coalesce(min(time) filter (where place is not null), '2200-01-01 00:00:00+00') as first_time,
           coalesce(first(seq, place) filter (where place is not null), 0) as first_seq,
           coalesce(max(time) filter (where place is not null), '1969-12-31 23:59:59.999999+00') as last_time,
           coalesce(last(seq, place) filter (where place is not null), 0) as last_seq
    from (
        select symbol, time, seq, price,
               case when updates is null or updates & 4 <> 0 then size else 0 end as counted,
               updates is null or updates & 3 <> 0 as moves_range,
               case when updates is null or updates & 1 <> 0 then
                   _timescaledb_functions.to_unix_microseconds(time) * 18446744073709551616::numeric + seq
               end as place
        from ticks
        where symbol = any ($1::text[]) and time >= $2 and time <= $3 and (time, seq) <= ($3::timestamptz, $4::bigint)
        offset 0        -- a fence: place (see candles_from_ticks.sql) is computed once a row
    ) t
    group by symbol
) folded
