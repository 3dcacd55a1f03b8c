-- The two time limits each as one expression, which a caller's plan takes in: a function that returns both is parsed and
-- planned anew for each statement that calls it.
create function tickdeck_ticks_since_v1() returns timestamptz
language sql stable
return coalesce(nullif(current_setting('tickdeck.ticks_since', true), ''), '1980-01-01 00:00:00+00')::timestamptz;

create function tickdeck_ticks_until_v1() returns timestamptz
language sql volatile    -- it follows the clock, not the transaction's start
return clock_timestamp() + coalesce(nullif(current_setting('tickdeck.ticks_ahead', true), ''), '5 minutes')::interval;

create or replace function tickdeck_time_limits_v1(out since timestamptz, out until timestamptz)
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select public.tickdeck_ticks_since_v1(), public.tickdeck_ticks_until_v1()
$$;
