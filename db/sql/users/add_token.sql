insert into api_tokens (token_hash, owner_id, name, scopes, expires_at)
values ($1, $2, $3, $4, now() + make_interval(days => $5))
