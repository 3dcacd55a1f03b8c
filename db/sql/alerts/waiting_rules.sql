-- The rules that wait, of these ids or (null) all.
select id::text, owner_id, symbol, condition, repeat, every, note, webhook, email, active, version, last_key
from alert_rules
where active and ($1::uuid[] is null or id = any ($1))
