-- Each time zone that instruments have: with the first symbol of those, and how many they are.
select timezone, min(symbol) as symbol, count(*) as symbols
from instruments
group by timezone
order by timezone;
