-- The first minute of symbol $1 that has a tick, in µs since the epoch.
select (extract(epoch from bucket) * 1000000)::bigint
from candles
where symbol = $1 and interval = '1m'
order by bucket
limit 1
