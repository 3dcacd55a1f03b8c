-- How many ticks the minutes' candles of one symbol count in [start, until), and their volume and turnover.
select coalesce(sum(trades), 0)::bigint, coalesce(sum(volume), 0), coalesce(sum(turnover), 0)
from candles
where symbol = %(symbol)s and interval = '1m' and bucket >= %(start)s and bucket < %(until)s;
