select tickdeck_build_candles_v1($1)
