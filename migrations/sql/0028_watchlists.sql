-- watchlists: named lists of symbols.  `entries` is an array of {"symbol": …} and {"section": …}, in the list's order.
create table watchlists (
    id          uuid primary key,
    owner_id    bigint references users on delete cascade,   -- null: whoever there was before there were users
    name        text not null check (length(name) between 1 and 80),
    entries     jsonb not null check (jsonb_typeof(entries) = 'array' and octet_length(entries::text) <= 1048576),
    changed_at  timestamptz not null default now(),
    unique nulls not distinct (owner_id, name)
);
grant select, insert, update, delete on watchlists to tickdeck_settings;
