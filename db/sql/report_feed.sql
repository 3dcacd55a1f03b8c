with reported as (
    insert into feeds as f (name, kind, state, detail, stored, rejected, health, fault)
    values ($1, $2, $3, $4, $5, $6, $8::jsonb, case when $3 = 'failed' then $4 else '' end)
    on conflict (name) do update set
        kind = excluded.kind,
        state = excluded.state,
        detail = excluded.detail,
        stored = excluded.stored,
        rejected = excluded.rejected,
        health = excluded.health,
        fault = case when excluded.state = 'failed' then excluded.detail else f.fault end,
        started_at = case when $7::boolean then excluded.started_at else f.started_at end,
        seen_at = excluded.seen_at
    returning name, kind, state, left(detail, 1000) as detail, stored, rejected
)
select pg_notify('tickdeck_v2', json_build_object('feed', row_to_json(reported))::text)
from reported
