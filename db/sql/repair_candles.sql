select tickdeck_repair_candles_v1($1, $2::text[], $3::timestamptz[])
