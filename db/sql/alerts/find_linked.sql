-- The rule that a link leads to, without the places it sends to, and whose it is; nobody's where he may not come in himself, or may no longer have any.
select coalesce(u.name, 'owner') as owner, r.symbol, r.condition, r.repeat, r.every, r.note
from alert_rules r left join users u on u.id = r.owner_id
where r.link_hash = $1 and (r.owner_id is null or (not u.disabled and u.role <> 'viewer'))
