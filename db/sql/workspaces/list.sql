-- Somebody's workspaces, by name.
select id::text, name, layout::text, version, link_hash is not null as shared
from workspaces
where owner_id is not distinct from $1
order by lower(name), id
