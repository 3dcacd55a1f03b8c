drop function tickdeck_restate_ticks_v1(text, jsonb);
drop table tick_history;
drop function tickdeck_history_is_kept_v1();
