-- The first $3 one-minute candles of [$1, $2) that are not what the ticks fold to, with both.
with folded as (
    select symbol, time_bucket('1 minute', time) as bucket,
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
        where time >= $1 and time < $2
        offset 0        -- a fence: place (see candles_from_ticks.sql) is computed once a row
    ) t
    group by 1, 2
), kept as (
    select * from candles where interval = '1m' and bucket >= $1 and bucket < $2
)
select symbol, '1m', bucket, to_json(k)::text, to_json(f)::text
from kept k
full join folded f using (symbol, bucket)
where k.symbol is null or f.symbol is null
   or (k.open, k.high, k.low, k.close, k.trades, k.first_time, k.first_seq, k.last_time, k.last_seq)
      is distinct from
      (f.open, f.high, f.low, f.close, f.trades, f.first_time, f.first_seq, f.last_time, f.last_seq)
   or abs(k.volume - f.volume) > 1e-9 * f.volume or abs(k.turnover - f.turnover) > 1e-9 * f.turnover
order by bucket, symbol
limit $3
