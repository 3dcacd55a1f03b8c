drop function tickdeck_repair_candles_v1(text, text[], timestamptz[]);
drop function tickdeck_refold_v1(text[], timestamptz[]);
