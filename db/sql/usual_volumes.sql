-- The mean volume of a day of each symbol, over the newest 20 days with trades that were over by $1, of the last 60.  Days
-- whose candles are still being built count as far as they are.
with days as (
    select c.symbol, c.volume, row_number() over (partition by c.symbol order by c.bucket desc) as place
    from candles c
    join instruments i using (symbol)
    where c.interval = '1d' and c.bucket >= $1::timestamptz - interval '60 days' and c.bucket <= $1::timestamptz
      -- before the day that holds $1, by the symbol's own rule
      and c.bucket < (date_trunc('day', $1::timestamptz at time zone i.timezone - i.day_shift) + i.day_shift) at time zone i.timezone
      and c.volume > 0
)
select symbol, avg(volume)
from days
where place <= 20
group by symbol
