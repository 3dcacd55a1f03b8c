-- Store a rule, or what became of it, which then waits anew; nothing is returned where it is somebody else's.
insert into alert_rules (id, owner_id, symbol, condition, repeat, every, note, webhook, email, active)
select $1, $2::bigint, $3, $4, $5, $6, $7, $8, $9, $10
where (select count(*) from alert_rules where owner_id is not distinct from $2 and id <> $1) < $11
on conflict (id) do update set
    symbol = excluded.symbol, condition = excluded.condition, repeat = excluded.repeat, every = excluded.every,
    note = excluded.note, webhook = excluded.webhook, email = excluded.email, active = excluded.active,
    version = alert_rules.version + 1, changed_at = now()
where alert_rules.owner_id is not distinct from excluded.owner_id
returning id
