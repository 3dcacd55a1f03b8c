-- The first $3 one-day candles labelled in [$1, $2) that have no stale hour and are not what their minutes fold to,
-- with both.  A day is that of the instrument's rule.
with minutes as (
    select c.*, date_trunc('day', c.bucket at time zone i.timezone - i.day_shift) + i.day_shift as start, i.timezone
    from candles c join instruments i using (symbol)
    where c.interval = '1m'
      and c.bucket >= $1::timestamptz - interval '1 hour' and c.bucket < $2::timestamptz + interval '26 hours'
), folded as (
    select symbol, start at time zone timezone as bucket,
           first(open, first_time) as open, max(high) as high, min(low) as low, last(close, last_time) as close,
           sum(volume) as volume, sum(turnover) as turnover, sum(trades)::bigint as trades,
           min(first_time) as first_time, first(first_seq, first_time) as first_seq,
           max(last_time) as last_time, last(last_seq, last_time) as last_seq
    from minutes
    where start at time zone timezone >= $1 and start at time zone timezone < $2
    group by symbol, start, timezone
), kept as (
    select * from candles where interval = '1d' and bucket >= $1 and bucket < $2
), stale as (
    select distinct s.symbol, (date_trunc('day', edge.at at time zone i.timezone - i.day_shift) + i.day_shift) at time zone i.timezone as bucket
    from stale_hours s
    join instruments i using (symbol)
    cross join lateral (values (s.hour), (s.hour + interval '59 minutes')) edge (at)
)
select symbol, '1d', bucket, to_json(k)::text, to_json(f)::text
from kept k
full join folded f using (symbol, bucket)
where not exists (select from stale s where s.symbol = coalesce(k.symbol, f.symbol)
                                        and s.bucket = coalesce(k.bucket, f.bucket))
  and (k.symbol is null or f.symbol is null
       or (k.open, k.high, k.low, k.close, k.trades, k.first_time, k.first_seq, k.last_time, k.last_seq)
          is distinct from
          (f.open, f.high, f.low, f.close, f.trades, f.first_time, f.first_seq, f.last_time, f.last_seq)
       or abs(k.volume - f.volume) > 1e-9 * f.volume or abs(k.turnover - f.turnover) > 1e-9 * f.turnover)
order by bucket, symbol
limit $3
