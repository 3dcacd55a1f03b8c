delete from watchlists where id = $1 and owner_id is not distinct from $2
