insert into feed_gaps (id, feed, symbol, from_time, to_time, from_seq, to_seq, state, why)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::bigint[],
                     $8::text[], $9::text[])
on conflict (id) do nothing
