-- The 1m candles as a continuous aggregate (Community edition only), for comparison.
create materialized view bare_candles with (timescaledb.continuous) as
select symbol, time_bucket('1 minute', time) as bucket,
       first(price, time) as open, max(price) as high, min(price) as low, last(price, time) as close,
       sum(size) as volume, sum(price * size) as turnover, count(*) as trades
from bare_ticks
group by symbol, time_bucket('1 minute', time)
with no data
