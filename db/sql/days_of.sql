-- The day, by the rule of the symbol $1[n], that holds the instant $2[n]: its label and its first instant, both in
-- µs since the epoch.  The label is the day's start as the server names it; where the clock comes back over it
-- that is the second one, and the day starts with the first.
select symbol,
       (extract(epoch from label) * 1000000)::bigint,
       (extract(epoch from case when (label - interval '1 hour') at time zone zone >= start
                                then label - interval '1 hour' else label end) * 1000000)::bigint
from (
    select i.symbol, i.timezone as zone, here.start, here.start at time zone i.timezone as label
    from unnest($1::text[], $2::timestamptz[]) given (symbol, at)
    join instruments i using (symbol)
    cross join lateral (select date_trunc('day', at at time zone i.timezone - i.day_shift) + i.day_shift as start) here
) days
