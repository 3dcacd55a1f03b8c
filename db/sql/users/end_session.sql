delete from user_sessions where token_hash = $1 returning way, identity_token
