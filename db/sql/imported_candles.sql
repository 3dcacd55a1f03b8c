-- Candles of symbol $1 that start in [$2, $3), made of imported bars of the intervals $4 (the longest first) that lie in
-- [$5, $6) and had ended at $7, oldest first.  $8: the width of the candles, null for those of the calendar; $9: day, week or
-- month then; $10: the zone of their days, which start $11 after its midnights.
--
-- A bar counts where no tick is stored in its stretch (a minute with a tick has a candle, also where retention dropped the
-- tick), and where no other such bar that begins before it, or with it and is longer, reaches over its start: so nothing
-- counts twice.  Bars whose buckets do not divide the candle's (hours of UTC and days of a zone at half an hour, days of
-- another zone) do not count for it.
with bar as (
    select b.*, array_position($4::text[], b.interval) as rank,
           case when $9::text is null then time_bucket($8::interval, b.bucket)
                else (date_trunc($9, b.bucket at time zone $10 - $11::interval) + $11) at time zone $10 end as label
    from imported_candles b
    where b.symbol = $1 and b.interval = any ($4) and b.bucket >= $5 and b.bucket < $6 and b.until <= $7
      and not exists (
          select from candles c
          where c.symbol = $1 and c.interval = '1m' and c.bucket >= b.bucket and c.bucket < b.until)
), fitting as (
    select bar.*,
           max(until) over (order by bucket, rank rows between unbounded preceding and 1 preceding) as reached
    from bar
    where label >= $2 and label < $3
      and case
          when $9 is null then true
          when interval in ('1d', '1w', '1M') then
              bucket = (date_trunc(case interval when '1d' then 'day' when '1w' then 'week' else 'month' end,
                                     bucket at time zone $10 - $11) + $11) at time zone $10
          else
              extract(epoch from label)::bigint % extract(epoch from until - bucket)::bigint = 0
              and extract(epoch from (date_trunc($9, label at time zone $10 - $11) + $11 + ('1 ' || $9)::interval) at time zone $10)::bigint
                  % extract(epoch from until - bucket)::bigint = 0
          end
)
select (extract(epoch from label) * 1000000)::bigint,
       (array_agg(open order by bucket))[1], max(high), min(low), (array_agg(close order by bucket desc))[1],
       sum(volume), sum(turnover), sum(trades)::bigint,
       (extract(epoch from min(bucket)) * 1000000)::bigint, (extract(epoch from max(until)) * 1000000)::bigint
from fitting
where reached is null or reached <= bucket
group by label
order by label
