-- The mean volume of a day of each symbol, over the newest 20 days with trades that were over by $1, of the last 60.  Days
-- whose candles are still being built count as far as they are.
with days as (
    select symbol, volume, row_number() over (partition by symbol order by bucket desc) as place
    from candles
    where interval = '1d' and bucket >= $1::timestamptz - interval '60 days' and bucket <= $1::timestamptz - interval '25 hours'
      and volume > 0
)
select symbol, avg(volume)
from days
where place <= 20
group by symbol
