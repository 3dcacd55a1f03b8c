select u.name, s.address, s.agent, s.started_at, s.seen_at, s.expires_at
from user_sessions s join users u on u.id = s.owner_id
where s.expires_at > now() and s.seen_at > now() - make_interval(secs => $2)
    and ($1::text is null or lower(u.name) = lower($1))
order by s.seen_at desc
