-- The stretches whose ticks were dropped, as far as they hold any instant of [$1, $2]; µs since the epoch, oldest first.
select (extract(epoch from first) * 1000000)::bigint, (extract(epoch from until) * 1000000)::bigint
from dropped_ticks
where first <= $2 and until > $1
order by 1
