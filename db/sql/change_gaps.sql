update feed_gaps as g
set from_time = n.from_time, to_time = n.to_time, from_seq = n.from_seq, to_seq = n.to_seq, state = n.state, why = n.why,
    changed_at = now()
from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[],
            $8::text[], $9::text[])
     as n (id, feed, symbol, from_time, to_time, from_seq, to_seq, state, why)
where g.id = n.id
