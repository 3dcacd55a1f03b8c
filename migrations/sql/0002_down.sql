drop table dropped_ticks;
