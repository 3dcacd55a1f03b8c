-- The newest $5 days (by the instrument's rule) of symbol $1 that start in [$2, $3), from the minutes before $4
-- only, newest first.  A day with an hour in stale_hours, and the day that $4 cuts, fold from those of their hours
-- that are right and from the minutes of the others; the other days are kept.  [$6, $7) holds all days that fold
-- (see stale_span): no chunk but theirs is planned for what is mostly a day or two.
with zone as materialized (
    select timezone as name, day_shift as shift from instruments where symbol = $1
), stale as materialized (
    select hour from stale_hours
    where symbol = $1 and hour > $2::timestamptz - interval '2 hours' and hour < $3::timestamptz + interval '26 hours'
      and hour < $4
    union
    select time_bucket('1 hour', $4::timestamptz)
), days as materialized (
    select distinct label, first, next
    from stale
    cross join zone
    cross join lateral (values (hour), (hour + interval '59 minutes')) edge (at)
    cross join lateral (select date_trunc('day', at at time zone zone.name - zone.shift) + zone.shift as start) here
    cross join lateral (
        select start at time zone zone.name as label, (start + interval '1 day') at time zone zone.name as next_label
    ) starts
    cross join lateral (        -- where the clock comes back over its start, the day starts with the first one
        select case when (label - interval '1 hour') at time zone zone.name >= start
                    then label - interval '1 hour' else label end as first,
               case when (next_label - interval '1 hour') at time zone zone.name >= start + interval '1 day'
                    then next_label - interval '1 hour' else next_label end as next
    ) span
    where label >= $2 and label < $3
), loose as (       -- the hours of these days that do not count as a whole
    select label, first, next, hour
    from days join stale on hour > first - interval '1 hour' and hour < next
    union
    select label, first, next, time_bucket('1 hour', edge)
    from days cross join lateral (values (first), (next)) e (edge)
    where edge <> time_bucket('1 hour', edge)
), parts as (
    -- Folded day by day and hour by hour, so that each is one short walk along the index.
    select days.label, kept.*
    from days
    cross join lateral (
        select first(open, first_time) as open, max(high) as high, min(low) as low, last(close, last_time) as close,
               sum(volume) as volume, sum(turnover) as turnover, sum(trades) as trades,
               min(first_time) as first_time, first(first_seq, first_time) as first_seq,
               max(last_time) as last_time, last(last_seq, last_time) as last_seq
        from candles
        where symbol = $1 and interval = '1h'
          and bucket >= $6 and bucket < $7
          and bucket >= days.first and bucket <= days.next - interval '1 hour' and bucket < $4
          and bucket not in (select hour from stale)
        having count(*) > 0
    ) kept
    union all
    select loose.label, folded.*
    from loose
    cross join lateral (
        select first(open, first_time), max(high), min(low), last(close, last_time),
               sum(volume), sum(turnover), sum(trades),
               min(first_time), first(first_seq, first_time), max(last_time), last(last_seq, last_time)
        from candles
        where symbol = $1 and interval = '1m'
          and bucket >= $6 and bucket < $7
          and bucket >= greatest(loose.first, loose.hour)
          and bucket < least(loose.next, loose.hour + interval '1 hour', $4)
        having count(*) > 0
    ) folded
), found as (
    (
        select bucket, open, high, low, close, volume, turnover, trades, first_time, first_seq, last_time, last_seq
        from candles
        where symbol = $1 and interval = '1d' and bucket >= $2 and bucket < $3 and bucket < $4
          and not exists (select from days where days.label = bucket)
        order by bucket desc
        limit $5
    )
    union all
    select label, first(open, first_time), max(high), min(low), last(close, last_time),
           sum(volume), sum(turnover), sum(trades)::bigint,
           min(first_time), first(first_seq, first_time), max(last_time), last(last_seq, last_time)
    from parts
    group by label
)
select (extract(epoch from bucket) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq
from found
order by bucket desc
limit $5
