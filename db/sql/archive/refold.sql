-- The trigger has counted the ticks that came back once more: fold their minutes anew, and have listeners read the symbol again.
select tickdeck_refold_v1(array_agg(symbol), array_agg(minute))
from (select distinct symbol, time_bucket('1 minute', time) as minute from pg_temp.archived_day) minutes;
