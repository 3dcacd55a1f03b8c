-- Store a new workspace; nothing is returned where its id is taken, or there are too many.
insert into workspaces (id, owner_id, name, layout)
select $1, $2::bigint, $3, $4
where (select count(*) from workspaces where owner_id is not distinct from $2) < $5
on conflict (id) do nothing
returning version
