-- The symbols to quote: those of $1 that are known, or all where $1 is null.
select symbol from instruments where $1::text[] is null or symbol = any ($1) order by symbol
