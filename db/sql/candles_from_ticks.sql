-- The candles of width $4 of symbol $1, folded from its ticks in [$2, $3) that are not after (time, seq) = ($5, $6),
-- oldest first; those without a price too (as in the trigger).  `place` orders ticks as (time, seq) does; a row of both cannot be handed from one half of a split
-- aggregation to the other ("input of anonymous composite types is not implemented").
select (extract(epoch from start) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from (
    select time_bucket($4::interval, time) as start,
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
        select time, seq, price,
               case when updates is null or updates & 4 <> 0 then size else 0 end as counted,
               updates is null or updates & 3 <> 0 as moves_range,
               case when updates is null or updates & 1 <> 0 then
                   _timescaledb_functions.to_unix_microseconds(time) * 18446744073709551616::numeric + seq
               end as place
        from ticks
        where symbol = $1 and time >= $2 and time < $3 and (time, seq) <= ($5::timestamptz, $6::bigint)
        offset 0        -- a fence: place is computed once a row, not once an aggregate
    ) t
    group by 1
    order by 1
) folded
