-- Give a workspace another link, or none; nothing is returned where there is no such workspace of his.
update workspaces set link_hash = $3 where id = $1 and owner_id is not distinct from $2 returning true
