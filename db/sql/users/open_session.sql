-- The user's row is locked until then, so that whoever changes him ends this session, too, or has it come to nothing.
insert into user_sessions (token_hash, owner_id, address, agent, expires_at, way, identity_token)
select $1, u.id, $3, $4, now() + make_interval(secs => $5), $6, $7
from users u
where u.id = $2 and not u.disabled and (not $8 or u.password_hash is not distinct from $9)
for share
