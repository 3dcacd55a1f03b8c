-- Somebody's drawings on a symbol, oldest first.
select id::text, content::text
from drawings
where symbol = $1 and owner_id is not distinct from $2
order by changed_at, id
