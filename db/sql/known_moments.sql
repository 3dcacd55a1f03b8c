-- When in ($2, $3] something was said of earlier ticks of the symbols $1, in order, in µs since the epoch.
select distinct (extract(epoch from known_at) * 1000000)::bigint
from tick_history
where symbol = any ($1::text[]) and known_at > $2 and known_at <= $3 and known_at > time
order by 1
