-- The first $3 one-minute candles of [$1, $2) that are not what the ticks fold to, with both; without those of archived days, of
-- which the table has not all ticks.
with archived as (
    select symbol, day from archived_ticks
    where day >= ($1::timestamptz at time zone 'UTC')::date and day <= ($2::timestamptz at time zone 'UTC')::date
), folded as (
    select symbol, time_bucket('1 minute', time) as bucket,
           -- part: folded
    from (
        select symbol, time, seq, price,
               -- part: moved
        from ticks
        where time >= $1 and time < $2
        offset 0        -- a fence: place is computed once a row
    ) t
    group by 1, 2
), kept as (
    select * from candles where interval = '1m' and bucket >= $1 and bucket < $2
)
select symbol, '1m', bucket, to_json(k)::text, to_json(f)::text
from kept k
full join folded f using (symbol, bucket)
where not exists (select from archived a
                  where a.symbol = coalesce(k.symbol, f.symbol) and a.day = (coalesce(k.bucket, f.bucket) at time zone 'UTC')::date)
  and (k.symbol is null or f.symbol is null
   or (k.open, k.high, k.low, k.close, k.trades, k.first_time, k.first_seq, k.last_time, k.last_seq)
      is distinct from
      (f.open, f.high, f.low, f.close, f.trades, f.first_time, f.first_seq, f.last_time, f.last_seq)
   or abs(k.volume - f.volume) > 1e-9 * f.volume or abs(k.turnover - f.turnover) > 1e-9 * f.turnover)
order by bucket, symbol
limit $3
