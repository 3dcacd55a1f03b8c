-- One candle of each symbol $1[n] from the first instant of its day $2[n] (never before $3) on, from the minutes
-- before $4 only: of its hours that are right and of the minutes of the others.  Where the day's own candle, which
-- is labelled $5[n], ends before the first of the others, it stands for the hours that are right.
with given as materialized (
    select * from unnest($1::text[], $2::timestamptz[], $5::timestamptz[]) g (symbol, first, label)
), loose as materialized (       -- the hours that do not count as a whole
    select g.symbol, g.first, s.hour
    from given g
    join stale_hours s on s.symbol = g.symbol and s.hour > g.first - interval '1 hour' and s.hour < $4
    union
    select symbol, first, time_bucket('1 hour', edge)
    from given cross join lateral (values (first), ($4)) e (edge)
    where edge <> time_bucket('1 hour', edge)
), ends as materialized (
    select symbol, first, label, least(min(hour), $4) as sure
    from given left join loose using (symbol, first)
    group by symbol, first, label
), days as materialized (
    select g.symbol, c.open, c.high, c.low, c.close, c.volume, c.turnover, c.trades,
           c.first_time, c.first_seq, c.last_time, c.last_seq
    from ends g
    join candles c on c.symbol = g.symbol and c.interval = '1d' and c.bucket = g.label
        and c.bucket >= $3 and c.bucket < $4::timestamptz + interval '1 hour'
    where c.last_time < g.sure
      and not exists (      -- nor a minute of it without a price, which does not show in last_time
          select from candles m
          where m.symbol = g.symbol and m.interval = '1m' and m.bucket >= g.sure and m.bucket >= g.first
            and m.bucket >= $3 and m.bucket < $4::timestamptz + interval '26 hours'
            and m.bucket < g.label + interval '26 hours')
), parts as (
    select * from days
    union all
    -- Folded symbol by symbol, so that each is one short walk along the index.
    select g.symbol, kept.*
    from given g
    left join days on days.symbol = g.symbol
    cross join lateral (
        select first(open, first_time) as open, max(high) as high, min(low) as low, last(close, last_time) as close,
               sum(volume) as volume, sum(turnover) as turnover, sum(trades) as trades,
               min(first_time) as first_time, first(first_seq, first_time) as first_seq,
               max(last_time) as last_time, last(last_seq, last_time) as last_seq
        from candles c
        where c.symbol = g.symbol and interval = '1h' and bucket >= g.first and bucket >= $3 and bucket < $4
          and (c.symbol, c.bucket) not in (select symbol, hour from loose)    -- hashed once
        having count(*) > 0
    ) kept
    where days.symbol is null
    union all
    select l.symbol, folded.*
    from loose l
    cross join lateral (
        select first(open, first_time), max(high), min(low), last(close, last_time),
               sum(volume), sum(turnover), sum(trades),
               min(first_time), first(first_seq, first_time), max(last_time), last(last_seq, last_time)
        from candles c
        where c.symbol = l.symbol and interval = '1m' and bucket >= l.first and bucket >= l.hour
          and bucket < l.hour + interval '1 hour' and bucket >= $3 and bucket < $4
        having count(*) > 0
    ) folded
)
select symbol,
       first(open, first_time), max(high), min(low), last(close, last_time),
       sum(volume), sum(turnover), sum(trades)::bigint,
       (extract(epoch from min(first_time)) * 1000000)::bigint, first(first_seq, first_time),
       (extract(epoch from max(last_time)) * 1000000)::bigint, last(last_seq, last_time)
from parts
group by symbol
