copy pg_temp.archived_day (time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side) from stdin (format csv);
