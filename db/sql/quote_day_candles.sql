-- One candle of each symbol $1[n] from the first instant of its day $2[n] (never before $3) on, from the minutes before
-- $4 only: of its hours that are right and of the minutes of the others.
with given as materialized (
    select * from unnest($1::text[], $2::timestamptz[]) g (symbol, day)
), loose as materialized (       -- the hours that do not count as a whole
    select g.symbol, g.day, s.hour
    from given g
    join stale_hours s on s.symbol = g.symbol and s.hour > g.day - interval '1 hour' and s.hour < $4
    union
    select symbol, day, time_bucket('1 hour', $4::timestamptz) from given
    union
    select symbol, day, time_bucket('1 hour', day) from given where day <> time_bucket('1 hour', day)
), parts as (
    select g.symbol, c.*
    from given g
    cross join lateral (
        select bucket, open, high, low, close, volume, turnover, trades, first_time, first_seq, last_time, last_seq
        from candles
        where symbol = g.symbol and interval = '1h' and bucket >= $3 and bucket < $4 and bucket >= g.day
    ) c
    where not exists (select from loose l where l.symbol = g.symbol and l.hour = c.bucket)
    union all
    select l.symbol, c.*
    from loose l
    cross join lateral (
        select bucket, open, high, low, close, volume, turnover, trades, first_time, first_seq, last_time, last_seq
        from candles
        where symbol = l.symbol and interval = '1m' and bucket >= $3 and bucket < $4
          and bucket >= greatest(l.day, l.hour) and bucket < l.hour + interval '1 hour'
    ) c
)
select symbol,
       first(open, bucket), max(high), min(low), last(close, bucket),
       sum(volume), sum(turnover), sum(trades)::bigint,
       (extract(epoch from min(first_time)) * 1000000)::bigint, first(first_seq, bucket),
       (extract(epoch from max(last_time)) * 1000000)::bigint, last(last_seq, bucket)
from parts
group by symbol
