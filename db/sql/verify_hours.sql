-- The first $3 candles of 5 and 15 minutes and of an hour in [$1, $2) that are neither of a stale hour nor what their
-- minutes fold to, with both.
with folded as (
    select symbol, width.interval, time_bucket(width.each, bucket) as bucket,
           first(open, first_time) as open, max(high) as high, min(low) as low, last(close, last_time) as close,
           sum(volume) as volume, sum(turnover) as turnover, sum(trades)::bigint as trades,
           min(first_time) as first_time, first(first_seq, first_time) as first_seq,
           max(last_time) as last_time, last(last_seq, last_time) as last_seq
    from candles c
    cross join (
        values ('5m', interval '5 minutes'), ('15m', interval '15 minutes'), ('1h', interval '1 hour')
    ) width (interval, each)
    where c.interval = '1m' and bucket >= $1 and bucket < $2
    group by 1, 2, 3
), kept as (
    select * from candles where interval in ('5m', '15m', '1h') and bucket >= $1 and bucket < $2
)
select symbol, interval, bucket, to_json(k)::text, to_json(f)::text
from kept k
full join folded f using (symbol, interval, bucket)
where not exists (select from stale_hours s where s.symbol = coalesce(k.symbol, f.symbol)
                                              and s.hour = time_bucket('1 hour', coalesce(k.bucket, f.bucket)))
  and (k.symbol is null or f.symbol is null
       or (k.open, k.high, k.low, k.close, k.trades, k.first_time, k.first_seq, k.last_time, k.last_seq)
          is distinct from
          (f.open, f.high, f.low, f.close, f.trades, f.first_time, f.first_seq, f.last_time, f.last_seq)
       or abs(k.volume - f.volume) > 1e-9 * f.volume or abs(k.turnover - f.turnover) > 1e-9 * f.turnover)
order by bucket, interval, symbol
limit $3
