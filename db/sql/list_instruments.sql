select symbol, name, exchange, timezone, currency, price_decimals
from instruments
order by symbol
