-- Store a watchlist, or what became of it; nothing is returned where it is somebody else's, or there are too many.
insert into watchlists (id, owner_id, name, entries)
select $1, $2::bigint, $3, $4
where (select count(*) from watchlists where owner_id is not distinct from $2 and id <> $1) < $5
on conflict (id) do update set name = excluded.name, entries = excluded.entries, changed_at = now()
where watchlists.owner_id is not distinct from excluded.owner_id
returning id
