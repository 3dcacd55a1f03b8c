-- A session that is alive, with its user; seen now, which is written at most once a minute.
with alive as (
    select s.token_hash, s.seen_at, u.id, u.name, u.role
    from user_sessions s join users u on u.id = s.owner_id
    where s.token_hash = $1 and s.expires_at > now() and s.seen_at > now() - make_interval(secs => $2)
        and not u.disabled
), seen as (
    update user_sessions s set seen_at = now() from alive a
    where s.token_hash = a.token_hash and a.seen_at < now() - interval '1 minute'
)
select id, name, role from alive
