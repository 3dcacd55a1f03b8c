-- Somebody's firings before an id (null: all), the newest first.
select id, owner_id, rule_id::text, symbol, condition, note, time, value, fired_at
from alert_log
where owner_id is not distinct from $1::bigint and ($2::bigint is null or id < $2) and id > $3
order by id desc
limit $4
