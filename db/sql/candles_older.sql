-- The newest minute of symbol $1 in [$2, $3) that has a candle, in µs since the epoch.
select (extract(epoch from bucket) * 1000000)::bigint
from candles
where symbol = $1 and interval = '1m' and bucket >= $2 and bucket < $3
order by bucket desc
limit 1
