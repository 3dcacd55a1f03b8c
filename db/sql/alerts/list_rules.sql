-- Somebody's rules, the newest first.
select id::text, owner_id, symbol, condition, repeat, every, note, webhook, email, active, version, last_key,
    false as is_new, link_hash is not null as shared
from alert_rules
where owner_id is not distinct from $1::bigint
order by created_at desc, id
