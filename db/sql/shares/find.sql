-- Where a link leads, and whose that is; nobody's where he may not come in himself, or may no longer draw.
select s.owner_id, coalesce(u.name, 'owner') as owner, s.symbol, s.role
from shares s left join users u on u.id = s.owner_id
where s.token_hash = $1 and (s.owner_id is null or (not u.disabled and u.role <> 'viewer'))
