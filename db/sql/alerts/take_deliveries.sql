-- Take what is due, for so many seconds: who takes it and dies leaves it to the next one.
with taken as (
    update alert_deliveries set tries = tries + 1, next_at = now() + make_interval(secs => $2)
    where id in (
        select id from alert_deliveries where state = 'waiting' and next_at <= now()
        order by next_at
        limit $1
        for update skip locked
    )
    returning id, log_id, way, target, tries
)
select t.id, t.way, t.target, t.tries,
    l.id as entry, l.owner_id, l.rule_id::text, l.symbol, l.condition, l.note, l.time, l.value, l.fired_at
from taken t join alert_log l on l.id = t.log_id
order by l.id
