-- Between which times ticks are taken in this transaction.  One place for the trigger and for who looks a batch over.
create function tickdeck_time_limits_v1(out since timestamptz, out until timestamptz)
language sql
volatile    -- until follows the clock, not the transaction's start
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(nullif(current_setting('tickdeck.ticks_since', true), ''), '1980-01-01 00:00:00+00')::timestamptz,
           clock_timestamp() + coalesce(nullif(current_setting('tickdeck.ticks_ahead', true), ''), '5 minutes')::interval
$$;
