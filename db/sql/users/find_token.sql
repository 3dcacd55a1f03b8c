with alive as (
    select t.token_hash, t.scopes, t.used_at, u.id, u.name, u.role
    from api_tokens t join users u on u.id = t.owner_id
    where t.token_hash = $1 and coalesce(t.expires_at > now(), true) and not u.disabled
), used as (
    update api_tokens t set used_at = now() from alive a
    where t.token_hash = a.token_hash and coalesce(a.used_at < now() - interval '1 minute', true)
)
select id, name, role, scopes from alive
