-- Where the last imported bar of symbol $1 ends, in µs since the epoch.
select (extract(epoch from max(until)) * 1000000)::bigint from imported_candles where symbol = $1
