-- feed_gaps: stretches of a symbol's tape that a feed has missed.  `from_…` and `to_…` are of the trades at their ends.
create table feed_gaps (
    id          uuid primary key,
    feed        text not null,
    symbol      text collate "C" not null,
    from_time   timestamptz not null,
    to_time     timestamptz not null,
    from_seq    bigint,                                    -- null: the exchange does not count its trades
    to_seq      bigint,
    state       text not null check (state in ('filling', 'missing', 'filled', 'none')),
    why         text not null,
    found_at    timestamptz not null default now(),
    changed_at  timestamptz not null default now()
);
create index feed_gaps_open on feed_gaps (symbol, from_time) where state in ('filling', 'missing');
grant select, insert, update on feed_gaps to tickdeck_writer;
grant select on feed_gaps to tickdeck_reader;

-- What a feed knows of its source (connected, lag, gaps …), why it failed the last time, and the symbols that are asked of
-- it while it runs (null: those it was started with).
alter table feeds
    add column health jsonb not null default '{}',
    add column fault text not null default '',
    add column wanted text[];
