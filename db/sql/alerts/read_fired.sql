select id, owner_id, rule_id::text, symbol, condition, note, time, value, fired_at
from alert_log where id = any ($1::bigint[]) order by id
