select t.symbol, t.time, t.seq
from unnest($1::text[]) as wanted (symbol)
cross join lateral (
    select symbol, time, seq from ticks where ticks.symbol = wanted.symbol order by time desc, seq desc limit 1
) as t
