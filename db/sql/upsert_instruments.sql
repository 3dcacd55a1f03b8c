-- Rows that stay as they are stay unlocked too.
insert into instruments as i (symbol, name, exchange, timezone, currency, price_decimals, day_start, allow_negative, sector)
select symbol, name, exchange, timezone, currency, price_decimals, day_start, allow_negative, sector
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[]::time[],
            $8::boolean[], $9::text[])
     as given(symbol, name, exchange, timezone, currency, price_decimals, day_start, allow_negative, sector)
order by symbol
on conflict (symbol) do update set
    name = excluded.name,
    exchange = excluded.exchange,
    timezone = excluded.timezone,
    currency = excluded.currency,
    price_decimals = excluded.price_decimals,
    day_start = excluded.day_start,
    allow_negative = excluded.allow_negative,
    sector = excluded.sector
where (i.name, i.exchange, i.timezone, i.currency, i.price_decimals, i.day_start, i.allow_negative, i.sector)
      is distinct from (excluded.name, excluded.exchange, excluded.timezone, excluded.currency, excluded.price_decimals, excluded.day_start,
                             excluded.allow_negative, excluded.sector)
