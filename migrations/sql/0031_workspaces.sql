-- workspaces: which panels somebody has on a page, and where.  `version` counts the changes: who stores one says which he began with.
-- `link_hash` is that of the link by which others look at it; the link itself is kept nowhere.
create table workspaces (
    id          uuid primary key,
    owner_id    bigint references users on delete cascade,   -- null: whoever there was before there were users
    name        text not null check (length(name) between 1 and 80),
    layout      jsonb not null check (jsonb_typeof(layout) = 'object' and octet_length(layout::text) <= 65536),
    version     integer not null default 1,
    link_hash   bytea unique check (octet_length(link_hash) = 32),
    changed_at  timestamptz not null default now(),
    unique nulls not distinct (owner_id, name)
);
grant select, insert, update, delete on workspaces to tickdeck_settings;
