-- A candle's columns from ticks of which parts/moved.sql tells what they move; one without a price has neutral elements.
coalesce(first(price, place) filter (where place is not null), 0) as open,
coalesce(max(price) filter (where moves_range), '-Infinity') as high,
coalesce(min(price) filter (where moves_range), 'Infinity') as low,
coalesce(last(price, place) filter (where place is not null), 0) as close,
sum(counted) as volume, sum(price * counted) as turnover, count(*) as trades,
coalesce(min(time) filter (where place is not null), '2200-01-01 00:00:00+00') as first_time,
coalesce(first(seq, place) filter (where place is not null), 0) as first_seq,
coalesce(max(time) filter (where place is not null), '1969-12-31 23:59:59.999999+00') as last_time,
coalesce(last(seq, place) filter (where place is not null), 0) as last_seq
