-- Somebody's watchlists, by name.
select id::text, name, entries::text
from watchlists
where owner_id is not distinct from $1
order by lower(name), id
