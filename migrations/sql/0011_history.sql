-- tick_history: what ticks were before they were cancelled or corrected, a row for each change, only ever added to.  The
-- values are those before it; what a tick is now stands in `ticks`, or nowhere where it was cancelled.
create table tick_history (
    id          bigint generated always as identity primary key,
    symbol      text collate "C" not null,
    time        timestamptz not null,
    seq         bigint not null,
    kind        text not null check (kind in ('cancel', 'correct')),
    at          timestamptz not null default clock_timestamp(),    -- when it was stored
    known_at    timestamptz not null,                              -- when its source said it: what a replay goes by
    actor       text not null,                                     -- a user, or a feed or file by its name
    reason      text not null default '',
    price       double precision not null,
    size        double precision not null,
    bid         double precision,
    ask         double precision,
    exchange    text,
    conditions  text,
    updates     smallint,
    side        smallint
);
create index tick_history_identity on tick_history (symbol, time, seq);
create index tick_history_cancelled on tick_history (time) where kind = 'cancel';

create function tickdeck_history_is_kept_v1() returns trigger language plpgsql as $$
begin
    raise exception 'the history of ticks is only ever added to';
end
$$;
create trigger tickdeck_history_is_kept before update or delete or truncate on tick_history
    for each statement execute function tickdeck_history_is_kept_v1();
grant select on tick_history to tickdeck_writer, tickdeck_reader;
