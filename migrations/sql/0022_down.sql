create or replace function tickdeck_time_limits_v1(out since timestamptz, out until timestamptz)
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(nullif(current_setting('tickdeck.ticks_since', true), ''), '1980-01-01 00:00:00+00')::timestamptz,
           clock_timestamp() + coalesce(nullif(current_setting('tickdeck.ticks_ahead', true), ''), '5 minutes')::interval
$$;
drop function tickdeck_ticks_until_v1();
drop function tickdeck_ticks_since_v1();
