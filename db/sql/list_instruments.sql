select symbol, name, exchange, timezone, currency, price_decimals, to_char(day_start, 'HH24:MI') as day_start,
       allow_negative, sector
from instruments
order by symbol
