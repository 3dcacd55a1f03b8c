-- Where a link leads, and whose that is; nobody's where he may not come in himself, or may no longer keep any.
select coalesce(u.name, 'owner') as owner, w.name, w.entries::text, w.link_role
from watchlists w left join users u on u.id = w.owner_id
where w.link_hash = $1 and (w.owner_id is null or (not u.disabled and u.role <> 'viewer'))
