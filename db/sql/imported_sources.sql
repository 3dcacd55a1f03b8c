-- What is imported of symbol $1 (null: of all), by symbol, interval and source.
select symbol, interval, source, count(*),
       (extract(epoch from min(bucket)) * 1000000)::bigint as from_us, (extract(epoch from max(until)) * 1000000)::bigint as until_us
from imported_candles
where $1::text is null or symbol = $1
group by 1, 2, 3
order by 1, max(until - bucket), 3
