select id, feed, symbol, from_time, to_time, from_seq, to_seq, state, why
from feed_gaps
where ($1::text is null or feed = $1)
  and ($2::text[] is null or symbol = any ($2))
  and ($3::timestamptz is null or to_time >= $3)
  and ($4::timestamptz is null or from_time < $4)
  and state = any ($5::text[])
order by symbol, from_time, from_seq, id
