-- What a tick moves by its `updates`, and its place: that orders ticks as (time, seq) does, and is null of those that move no
-- last price.  A row of both cannot be handed from one half of a split aggregation to the other ("input of anonymous
-- composite types is not implemented").
case when updates is null or updates & 4 <> 0 then size else 0 end as counted,
updates is null or updates & 3 <> 0 as moves_range,
case when updates is null or updates & 1 <> 0 then
    _timescaledb_functions.to_unix_microseconds(time) * 18446744073709551616::numeric + seq
end as place
