with reported as (
    insert into feeds as f (name, kind, state, detail, stored, rejected)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (name) do update set
        kind = excluded.kind,
        state = excluded.state,
        detail = excluded.detail,
        stored = excluded.stored,
        rejected = excluded.rejected,
        started_at = case when $7::boolean then excluded.started_at else f.started_at end,
        seen_at = excluded.seen_at
    returning name, kind, state, left(detail, 1000) as detail, stored, rejected
)
select pg_notify('tickdeck_v1', json_build_object('feed', row_to_json(reported))::text)
from reported
