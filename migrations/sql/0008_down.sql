drop function tickdeck_time_limits_v1();
