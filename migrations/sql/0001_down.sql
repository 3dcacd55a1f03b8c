drop table ticks;
drop table candles;
drop table stale_hours, feeds, instruments;
drop function tickdeck_on_ticks_v1(), tickdeck_on_timezone_v1(), tickdeck_build_candles_v1(integer);
drop sequence ticks_seq;
