-- The newest $4 one-minute candles of symbol $1 in [$2, $3), newest first, each with whether all of its ticks lie between first_* and last_*.
select (extract(epoch from bucket) * 1000000)::bigint,
       open, high, low, close, volume, turnover, trades,
       (extract(epoch from first_time) * 1000000)::bigint, first_seq,
       (extract(epoch from last_time) * 1000000)::bigint, last_seq, bounded
from candles
where symbol = $1 and interval = '1m' and bucket >= $2 and bucket < $3
order by bucket desc
limit $4
