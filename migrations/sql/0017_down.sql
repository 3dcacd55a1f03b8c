drop table imported_candles;
