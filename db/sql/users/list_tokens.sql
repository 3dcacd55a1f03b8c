select u.name as owner, t.name, t.scopes, t.created_at, t.used_at, t.expires_at
from api_tokens t join users u on u.id = t.owner_id
where $1::text is null or lower(u.name) = lower($1)
order by lower(u.name), t.name
