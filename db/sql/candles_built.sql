-- The newest $5 candles of symbol $1 and interval $8, of width $9 (a divisor of the hour), that start in [$2, $3), from
-- the minutes before $4 only, newest first.
-- Those of an hour in stale_hours, and of the hour that $4 cuts, fold from its minutes, which are all in [$6, $7) (see
-- stale_span); the others are kept.
with stale as materialized (
    select hour from stale_hours where symbol = $1 and hour > $2::timestamptz - interval '1 hour' and hour < $3
    union
    select cut
    from time_bucket('1 hour', $4::timestamptz) cut
    where cut > $2::timestamptz - interval '1 hour' and cut < least($3, $4)
), found as (
    (
        select bucket, open, high, low, close, volume, turnover, trades, first_time, first_seq, last_time, last_seq
        from candles
        where symbol = $1 and interval = $8 and bucket >= $2 and bucket < $3
          and not exists (select from stale where hour = time_bucket('1 hour', bucket))
        order by bucket desc
        limit $5
    )
    union all
    (
        select folded.*
        from (select hour from stale order by hour desc) stale
        cross join lateral (
            select time_bucket($9::interval, bucket), first(open, first_time), max(high), min(low), last(close, last_time),
                   sum(volume), sum(turnover), sum(trades)::bigint,
                   min(first_time), first(first_seq, first_time), max(last_time), last(last_seq, last_time)
            from candles
            where symbol = $1 and interval = '1m'
              and bucket >= $6 and bucket < $7
              and bucket >= stale.hour and bucket < stale.hour + interval '1 hour'
              and bucket >= $2 and bucket < $3 and bucket < $4
            group by 1
            order by 1 desc
        ) folded
        limit $5
    )
)
select (extract(epoch from bucket) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from found
order by bucket desc
limit $5
