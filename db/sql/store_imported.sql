-- Stores bars whose bucket is free.  Of the others: their place among those given, from 0, and whether they differ from what
-- is stored.
with given as materialized (
    select g.*, row_number() over () - 1 as place
    from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::double precision[], $6::double precision[],
                $7::double precision[], $8::double precision[], $9::double precision[], $10::double precision[],
                $11::bigint[])
         as g (symbol, interval, bucket, until, open, high, low, close, volume, turnover, trades)
), stored as (
    insert into imported_candles (symbol, interval, bucket, until, open, high, low, close, volume, turnover, trades, source)
    select symbol, interval, bucket, until, open, high, low, close, volume, turnover, trades, $12
    from given
    order by symbol, interval, bucket
    on conflict do nothing
    returning symbol, interval, bucket
)
select g.place,
       (i.open, i.high, i.low, i.close, i.volume) is distinct from (g.open, g.high, g.low, g.close, g.volume)
from given g
join imported_candles i using (symbol, interval, bucket)
where not exists (select from stored s where (s.symbol, s.interval, s.bucket) = (g.symbol, g.interval, g.bucket))
order by 1
