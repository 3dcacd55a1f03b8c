-- alert_rules: what somebody wants to be told of.  `condition` is as app/market/alert_rules.py reads it; `version` tells what
-- was changed by its owner.  `last_key` is the second, or bar, of the last firing, in µs since the epoch: a later firing has a
-- larger one, so that of several processes that see one event only the first one's counts.
create table alert_rules (
    id          uuid primary key,
    owner_id    bigint references users on delete cascade,   -- null: whoever there was before there were users
    symbol      text collate "C",                            -- null: about a feed
    condition   text not null check (length(condition) between 1 and 200),
    repeat      text not null check (repeat in ('once', 'bar', 'rearm')),
    every       text not null check (length(every) between 1 and 8),
    note        text not null default '' check (length(note) <= 200),
    webhook     text check (length(webhook) between 1 and 500),
    email       text check (length(email) between 3 and 254),
    active      boolean not null default true,
    version     integer not null default 1,
    last_key    bigint,
    created_at  timestamptz not null default now(),
    changed_at  timestamptz not null default now()
);
create index alert_rules_owner_idx on alert_rules (owner_id);

-- alert_log: each firing, also of rules that are gone.  `time` is the market's, `fired_at` when it was stored.
create table alert_log (
    id          bigint generated always as identity primary key,
    owner_id    bigint references users on delete cascade,
    rule_id     uuid not null,
    key         bigint not null,
    symbol      text collate "C",
    condition   text not null,
    note        text not null,
    time        timestamptz not null,
    value       double precision not null,
    fired_at    timestamptz not null default clock_timestamp(),
    unique (rule_id, key)
);
create index alert_log_owner_idx on alert_log (owner_id, id);

-- alert_deliveries: what is to be sent of a firing, stored with it; a row is taken by one process at a time, until `next_at`.
create table alert_deliveries (
    id          bigint generated always as identity primary key,
    owner_id    bigint references users on delete cascade,
    log_id      bigint not null references alert_log on delete cascade,
    way         text not null check (way in ('webhook', 'email')),
    target      text not null,
    state       text not null default 'waiting' check (state in ('waiting', 'sent', 'failed')),
    tries       integer not null default 0,
    next_at     timestamptz not null default now(),
    error       text not null default '',
    unique (log_id, way)
);
create index alert_deliveries_waiting_idx on alert_deliveries (next_at) where state = 'waiting';

-- alert_progress: up to which second of the market, in µs since the epoch, what could let rules fire has been looked at.
create table alert_progress (
    only_row      boolean primary key default true check (only_row),
    evaluated_us  bigint not null,
    saved_at      timestamptz not null default now()
);

-- Whoever evaluates hears of rules that were made, changed or removed by their ids, and who shows them of firings by theirs:
-- the channel can be written to by anybody, so that it carries nothing else.
create function tickdeck_on_alert_rule_v1() returns trigger
language plpgsql
set search_path = public, pg_temp
as $$
begin
    perform pg_notify('tickdeck_alerts_v1', 'rule ' || coalesce(new.id, old.id));
    return null;
end
$$;
create trigger tickdeck_on_alert_rule after insert or delete or update of version, owner_id on alert_rules
    for each row execute function tickdeck_on_alert_rule_v1();

create function tickdeck_on_alert_v1() returns trigger
language plpgsql
set search_path = public, pg_temp
as $$
begin
    perform pg_notify('tickdeck_alerts_v1', 'fired ' || new.id);
    return null;
end
$$;
create trigger tickdeck_on_alert after insert on alert_log
    for each row execute function tickdeck_on_alert_v1();

grant select, insert, update, delete on alert_rules, alert_log, alert_deliveries, alert_progress to tickdeck_settings;
