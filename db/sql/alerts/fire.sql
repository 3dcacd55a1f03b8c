-- Store firings, of a rule one at most: of those that another process has stored already, and of rules that were changed,
-- nothing.  Rows are locked in the order of their ids, so that two processes cannot deadlock.
with asked as (
    select * from unnest($1::uuid[], $2::integer[], $3::bigint[], $4::timestamptz[], $5::double precision[])
        as a(id, version, key, time, value)
), locked as (
    select r.id from alert_rules r join asked a using (id)
    where r.version = a.version and r.active and (r.last_key is null or r.last_key < a.key)
    order by r.id
    for update of r
), fired as (
    update alert_rules r set last_key = a.key, active = r.repeat <> 'once'
    from asked a
    where r.id = a.id and r.id in (select id from locked)
        and r.version = a.version and r.active and (r.last_key is null or r.last_key < a.key)
    returning r.*, a.time as at, a.value as what
), entries as (
    insert into alert_log (owner_id, rule_id, key, symbol, condition, note, time, value)
    select owner_id, id, last_key, symbol, condition, note, at, what from fired
    on conflict do nothing
    returning id, owner_id, rule_id
), sent as (
    insert into alert_deliveries (owner_id, log_id, way, target)
    select e.owner_id, e.id, w.way, w.target
    from entries e join fired f on f.id = e.rule_id, lateral (values ('webhook', f.webhook), ('email', f.email)) w(way, target)
    where w.target is not null
)
select rule_id::text from entries
