-- Note that the ticks of [first, until) are dropped, as one stretch with those that it meets: no two ever overlap.
with met as (
    delete from dropped_ticks where first <= %(until)s and until >= %(first)s
    returning first, until
)
insert into dropped_ticks (first, until)
select least(min(first), %(first)s), greatest(max(until), %(until)s)
from met;
