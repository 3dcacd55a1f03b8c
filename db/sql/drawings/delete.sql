delete from drawings where id = $1 and owner_id is not distinct from $2 and symbol = $3
