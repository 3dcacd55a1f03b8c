-- The newest $5 hours of symbol $1 that start in [$2, $3), from the minutes before $4 only, newest first.
-- An hour in stale_hours, and the hour that $4 cuts, fold from their minutes, which are all in [$6, $7) (see stale_span);
-- the others are kept.
with stale as materialized (
    select hour from stale_hours where symbol = $1 and hour >= $2 and hour < $3
    union
    select time_bucket('1 hour', $4::timestamptz)
    where time_bucket('1 hour', $4::timestamptz) >= $2 and time_bucket('1 hour', $4::timestamptz) < least($3, $4)
), hours as (
    (
        select bucket, open, high, low, close, volume, turnover, trades, first_time, first_seq, last_time, last_seq
        from candles
        where symbol = $1 and interval = '1h' and bucket >= $2 and bucket < $3
          and not exists (select from stale where hour = bucket)
        order by bucket desc
        limit $5
    )
    union all
    (
        select stale.hour, folded.*
        from (select hour from stale order by hour desc) stale
        cross join lateral (
            select first(open, bucket), max(high), min(low), last(close, bucket),
                   sum(volume), sum(turnover), sum(trades)::bigint,
                   min(first_time), first(first_seq, bucket), max(last_time), last(last_seq, bucket)
            from candles
            where symbol = $1 and interval = '1m'
              and bucket >= $6 and bucket < $7
              and bucket >= stale.hour and bucket < stale.hour + interval '1 hour' and bucket < $4
            having count(*) > 0
        ) folded
        limit $5
    )
)
select (extract(epoch from bucket) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from hours
order by bucket desc
limit $5
