-- Which of the symbols $1 have a tick in [$2, $3).
select symbol
from unnest($1::text[]) symbol
where exists (select from ticks t where t.symbol = symbol.symbol and t.time >= $2 and t.time < $3)
