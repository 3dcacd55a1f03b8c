create trigger ticks_keep_candles after insert on ticks
    referencing new table as new_ticks
    for each statement execute function tickdeck_on_ticks_v1();

-- A symbol that moves to another zone gets new days: drop the old ones, build again from its hours.
create function tickdeck_on_timezone_v1() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
begin
    -- As a writer: a builder that still works with the old zone ends first, and its days go with the others.
    perform pg_advisory_xact_lock_shared(7455000001);
    delete from candles where symbol = new.symbol and interval = '1d';
    insert into stale_hours (symbol, hour)
    select new.symbol, bucket from candles where symbol = new.symbol and interval = '1h'
    on conflict do nothing;
    return null;
end
$$;

create trigger instruments_timezone after update of timezone on instruments
    for each row when (old.timezone is distinct from new.timezone)
    execute function tickdeck_on_timezone_v1();
