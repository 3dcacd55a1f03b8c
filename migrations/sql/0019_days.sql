-- When, by the clocks of `timezone`, a day of the instrument's candles starts: up to noon on its own date, later on the
-- date before.  Clocks change in the small hours, by whole ones: there a start in between may come twice.
alter table instruments add column day_start time not null default '00:00';
alter table instruments add constraint instruments_day_start check (
    extract(second from day_start) = 0 and (day_start >= time '04:00' or extract(minute from day_start) = 0)
    and day_start < time '24:00');
-- From the date's midnight on.
alter table instruments add column day_shift interval not null generated always as (
    case when day_start > time '12:00' then day_start - time '24:00' else day_start - time '00:00' end) stored;

drop trigger instruments_timezone on instruments;
create trigger instruments_days after update of timezone, day_start on instruments
    for each row when ((old.timezone, old.day_start) is distinct from (new.timezone, new.day_start))
    execute function tickdeck_on_timezone_v1();
