delete from user_sessions where token_hash in (
    select token_hash from user_sessions where owner_id = $1 order by seen_at desc, started_at desc offset $2
)
