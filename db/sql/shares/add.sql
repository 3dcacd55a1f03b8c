-- Store a link; nothing is returned where its owner has as many as he may.
insert into shares (id, owner_id, token_hash, symbol, role)
select $1, $2::bigint, $3, $4, $5
where (select count(*) from shares where owner_id is not distinct from $2) < $6
returning id
