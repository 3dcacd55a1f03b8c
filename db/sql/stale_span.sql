-- [first, until) holds every minute of the hours and days of symbol $1 in [$2, $3) that cannot be taken whole, for an
-- hour in stale_hours or the one that $4 cuts.  Worked out here, for the planner leaves out chunks by plain bounds only:
-- a time and an interval added up are none to it.
select greatest($2::timestamptz - interval '1 hour',
                least(min(hour), time_bucket('1 hour', $4::timestamptz)) - interval '2 days'),
       least($3::timestamptz + interval '26 hours',
             greatest(max(hour), time_bucket('1 hour', $4::timestamptz)) + interval '2 days')
from stale_hours
where symbol = $1 and hour > $2::timestamptz - interval '2 hours' and hour < $3::timestamptz + interval '26 hours'
  and hour < $4
