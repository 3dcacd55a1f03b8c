-- The oldest hours are found without reading and sorting all the others.
create index stale_hours_by_hour on stale_hours (hour, symbol);
