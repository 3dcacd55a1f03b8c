-- Where the ticks of a day wait that come back into the table.
create temporary table archived_day (like ticks) on commit drop;
