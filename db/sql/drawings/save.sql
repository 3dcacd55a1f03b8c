-- Store a drawing, or what became of it; nothing is returned where it is somebody else's.
insert into drawings (id, symbol, owner_id, content)
select $1, $2, $3::bigint, $4
where (select count(*) from drawings where symbol = $2 and owner_id is not distinct from $3 and id <> $1) < $5
on conflict (id) do update set content = excluded.content, changed_at = now()
where drawings.owner_id is not distinct from excluded.owner_id and drawings.symbol = excluded.symbol
returning id
