-- Days $1 up to $2 of a made-up market of 8 symbols: 100,000 ticks in each New York session, a third of them of the
-- busiest symbol, inserted in the order of their time.
insert into ticks (time, symbol, seq, price, size, bid, ask)
select time, symbol, seq, price, lots * 100, price - 0.01, price + 0.01
from (
    select to_timestamp(1577975400 + day * 86400 + n * 0.234::float8) as time,
           'H' || floor(8 ^ (((n * 2654435761 + day * 40503) & 65535) / 65536.0::float8))::int as symbol,
           n as seq,
           (10000 + (1000 * sin((n + day * 100000) / 40000.0::float8))::int
            + ((n * 1103515245 + day) >> 7 & 127)) / 100.0::float8 as price,
           (n * 69069 >> 5 & 7) + 1 as lots
    from generate_series($1::bigint, $2::bigint) day, generate_series(0::bigint, 99999) n
) made_up
