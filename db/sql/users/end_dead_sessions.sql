delete from user_sessions where expires_at < now() or seen_at < now() - make_interval(secs => $1)
