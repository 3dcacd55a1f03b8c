insert into user_sessions (token_hash, owner_id, address, agent, expires_at, way)
values ($1, $2, $3, $4, now() + make_interval(secs => $5), $6)
