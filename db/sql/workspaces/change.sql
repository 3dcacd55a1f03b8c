-- Store what became of the version that somebody began with; nothing is returned where it is another by now.
update workspaces
set name = $3, layout = $4, version = version + 1, changed_at = now()
where id = $1 and owner_id is not distinct from $2 and version = $5
returning version
