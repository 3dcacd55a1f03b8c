-- drawings: what somebody has drawn on a symbol's charts.  `content` is the page's; points in it are times and prices, so
-- that a drawing is the same on every interval.
create table drawings (
    id          uuid primary key,
    symbol      text collate "C" not null,
    owner_id    bigint references users on delete cascade,   -- null: whoever there was before there were users
    content     jsonb not null check (octet_length(content::text) <= 8192),
    changed_at  timestamptz not null default now()
);
create index drawings_symbol_idx on drawings (symbol, owner_id);
grant select, insert, update, delete on drawings to tickdeck_settings;
