-- The $6th place (time, seq) of ticks, counted back from the last that is not after ($3, $4): places of any symbol
-- $1[n] since $2[n], which is never before $5.  No row where there are fewer.
select (extract(epoch from place.time) * 1000000)::bigint, place.seq
from (
    select distinct last.time, last.seq
    from unnest($1::text[], $2::timestamptz[]) g (symbol, since)
    cross join lateral (
        select t.time, t.seq
        from ticks t
        where t.symbol = g.symbol and t.time >= g.since and t.time >= $5
          and t.time <= $3 and (t.time, t.seq) <= ($3::timestamptz, $4::bigint)
        order by t.time desc, t.seq desc
        limit $6
    ) last
) place
order by place.time desc, place.seq desc
offset $6::int - 1
limit 1
