select id, name, role, disabled, password_hash is not null as has_password, issuer, created_at,
    (select max(seen_at) from user_sessions where owner_id = users.id) as seen_at
from users order by lower(name)
