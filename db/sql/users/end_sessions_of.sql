delete from user_sessions where owner_id = $1
