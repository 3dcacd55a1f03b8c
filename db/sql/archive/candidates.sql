-- The symbols with ticks in the table on the day (UTC) that starts at %(start)s.
select distinct symbol from ticks where time >= %(start)s and time < %(until)s order by 1;
