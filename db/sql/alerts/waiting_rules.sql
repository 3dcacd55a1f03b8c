-- The rules that wait, of these ids or (null) all; `is_new`: made or changed since others were last evaluated.
select r.id::text, r.owner_id, r.symbol, r.condition, r.repeat, r.every, r.note, r.webhook, r.email, r.active, r.version,
    r.last_key, coalesce(r.changed_at > p.saved_at, true) as is_new
from alert_rules r left join alert_progress p on p.only_row
where r.active and ($1::uuid[] is null or r.id = any ($1))
