-- shares: the links by which somebody lets others see, or change, what he has drawn on a symbol.  A link is random; its hash is kept.
create table shares (
    id          uuid primary key,
    owner_id    bigint references users on delete cascade,   -- null: whoever there was before there were users
    token_hash  bytea not null unique check (octet_length(token_hash) = 32),
    symbol      text collate "C" not null,
    role        text not null check (role in ('view', 'edit')),
    created_at  timestamptz not null default now()
);
create index shares_owner_idx on shares (owner_id);
grant select, insert, delete on shares to tickdeck_settings;
