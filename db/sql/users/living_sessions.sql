-- Of these sessions and tokens of programs, those that still let in, with the role their user has now.
select s.token_hash, u.role from user_sessions s join users u on u.id = s.owner_id
where s.token_hash = any($1) and s.expires_at > now() and s.seen_at > now() - make_interval(secs => $2)
    and not u.disabled
union all
select t.token_hash, u.role from api_tokens t join users u on u.id = t.owner_id
where t.token_hash = any($1) and coalesce(t.expires_at > now(), true) and not u.disabled
