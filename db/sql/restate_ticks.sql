select n, outcome from tickdeck_restate_ticks_v1($1, $2::text::jsonb) order by n
