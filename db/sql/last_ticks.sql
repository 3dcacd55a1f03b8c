select t.symbol, t.time, t.seq
from unnest($1::text[]) as wanted (symbol)
cross join lateral (
    select * from (
        (select symbol, time, seq from ticks where ticks.symbol = wanted.symbol order by time desc, seq desc limit 1)
        union all
        (select symbol, last_time, last_seq from archived_ticks a where a.symbol = wanted.symbol order by day desc limit 1)
    ) newest
    order by time desc, seq desc limit 1
) as t
