-- Somebody's watchlists, by name; `link_role`: of the link to it, null where there is none.
select id::text, name, entries::text, link_role
from watchlists
where owner_id is not distinct from $1
order by lower(name), id
