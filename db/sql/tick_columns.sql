-- The first $8 ticks of $1 in [$2, $3) after (time, seq) = ($4, $5) and up to ($6, $7), in order; without a null, so that every
-- row has one length in binary.
select time, seq, price, size, coalesce(bid, 'NaN'), coalesce(ask, 'NaN'), coalesce(updates, 7)::smallint, coalesce(side, 0)::smallint
from ticks
where symbol = $1 and time >= $2 and time < $3
  and (time, seq) > ($4::timestamptz, $5::bigint) and (time, seq) <= ($6::timestamptz, $7::bigint)
order by time, seq
limit $8::bigint
