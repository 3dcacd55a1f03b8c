-- feed_positions: up to where a feed has stored what its source holds.  A row is written in the transaction of the ticks that
-- it stands behind, so it is never ahead of them.  `at` is the feed's own; there is no row where it would begin anew.
create table feed_positions (
    feed        text not null,
    source      text not null,
    at          jsonb not null check (octet_length(at::text) <= 65536),
    changed_at  timestamptz not null default now(),
    primary key (feed, source)
);
grant select, insert, update, delete on feed_positions to tickdeck_writer;
grant select on feed_positions to tickdeck_reader;
