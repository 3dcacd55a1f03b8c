-- Rows that stay as they are stay unlocked too.
insert into instruments as i (symbol, name, exchange, timezone, currency, price_decimals)
select symbol, name, exchange, timezone, currency, price_decimals
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[])
     as given(symbol, name, exchange, timezone, currency, price_decimals)
order by symbol
on conflict (symbol) do update set
    name = excluded.name,
    exchange = excluded.exchange,
    timezone = excluded.timezone,
    currency = excluded.currency,
    price_decimals = excluded.price_decimals
where (i.name, i.exchange, i.timezone, i.currency, i.price_decimals)
      is distinct from (excluded.name, excluded.exchange, excluded.timezone, excluded.currency, excluded.price_decimals)
