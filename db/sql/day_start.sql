-- The start of the day that holds the instant $2 in the zone of symbol $1, in µs since the epoch.
select (extract(epoch from case when date at time zone zone <= $2 then date at time zone zone
                                else (date - interval '1 day') at time zone zone end) * 1000000)::bigint
from (
    select timezone as zone, date_trunc('day', $2::timestamptz at time zone timezone) as date
    from instruments
    where symbol = $1
) here
