-- The server's clock, µs since the epoch.
select (extract(epoch from clock_timestamp()) * 1000000)::bigint
