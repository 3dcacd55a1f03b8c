-- Between which times ticks are taken on this connection, in µs since the epoch, both inclusive.
select (extract(epoch from greatest(since, '1970-01-01 00:00:00+00')) * 1000000)::bigint,
       (extract(epoch from least(until, '2200-01-01 00:00:00+00')) * 1000000)::bigint
from tickdeck_time_limits_v1()
