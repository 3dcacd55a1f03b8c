-- Somebody's firings before an id (null: all) and after another, the newest first, with what could not be sent of them.
select id, owner_id, rule_id::text, symbol, condition, note, time, value, fired_at,
    (select string_agg(d.way || ': ' || d.error, '; ' order by d.way) from alert_deliveries d
     where d.log_id = alert_log.id and d.error <> '')
from alert_log
where owner_id is not distinct from $1::bigint and ($2::bigint is null or id < $2) and id > $3
order by id desc
limit $4
