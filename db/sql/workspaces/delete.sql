delete from workspaces where id = $1 and owner_id is not distinct from $2
