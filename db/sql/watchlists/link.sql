-- Give a watchlist another link, or none; nothing is returned where there is no such list of his.
update watchlists set link_hash = $3, link_role = $4 where id = $1 and owner_id is not distinct from $2 returning true
