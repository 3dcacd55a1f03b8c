-- A page that is open keeps its session: its socket is use of it.
update user_sessions set seen_at = now() where token_hash = any($1) and seen_at < now() - interval '1 minute'
