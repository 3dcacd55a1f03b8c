-- The first $6 ticks of the symbols $1 in [$2, $3) after (time, seq) = ($4, $5), by time, seq and symbol; more where
-- the last of them share their (time, seq).
select (extract(epoch from time) * 1000000)::bigint, symbol, seq, price, size,
       coalesce(bid, 'NaN'), coalesce(ask, 'NaN'), exchange, conditions, updates, side
from (
    select *
    from ticks
    where symbol = any ($1::text[]) and time >= $2 and time < $3 and (time, seq) > ($4::timestamptz, $5::bigint)
    order by time, seq
    fetch first ($6::bigint) rows with ties
) page
order by time, seq, symbol
