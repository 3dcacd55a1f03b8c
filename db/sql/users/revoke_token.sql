delete from api_tokens where owner_id = $1 and name = $2
