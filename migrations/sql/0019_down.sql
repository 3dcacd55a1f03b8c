-- The days are built again, by the midnights.
update instruments set day_start = '00:00' where day_start <> '00:00';
drop trigger instruments_days on instruments;
create trigger instruments_timezone after update of timezone on instruments
    for each row when (old.timezone is distinct from new.timezone)
    execute function tickdeck_on_timezone_v1();
alter table instruments drop column day_shift, drop column day_start;
