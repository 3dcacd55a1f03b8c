select name, kind, state, detail, stored, rejected, started_at, seen_at,
       extract(epoch from clock_timestamp() - seen_at)::double precision as silent_s
from feeds
order by seen_at desc, name
