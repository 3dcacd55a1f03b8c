-- Somebody's links, the newest first.
select id::text, symbol, role, created_at from shares
where owner_id is not distinct from $1::bigint
order by created_at desc, id
