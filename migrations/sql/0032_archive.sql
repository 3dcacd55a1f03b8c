-- archived_ticks: the days (UTC) of a symbol whose ticks are in a file of the archive and not in `ticks`.  A row is there from
-- the commit on that deletes them from `ticks` (tickdeck.db.archive), and candles count them as before: an archived day is
-- none that retention has dropped.
create table archived_ticks (
    day         date not null,                             -- UTC
    first_time  timestamptz not null,
    last_time   timestamptz not null,
    first_seq   bigint not null,
    last_seq    bigint not null,
    ticks       bigint not null check (ticks > 0),
    bytes       bigint not null,
    archived_at timestamptz not null default now(),
    symbol      text collate "C" not null,
    file        text not null unique,                      -- below the archive's folder
    sha256      text not null,
    primary key (symbol, day)
);
create index archived_ticks_day on archived_ticks (day);
grant select on archived_ticks to tickdeck_writer, tickdeck_reader;

-- archive_left: files that no day needs any more, and since when; they go once no read can need them.
create table archive_left (
    file        text primary key,
    left_at     timestamptz not null default now()
);

-- archive_identity: one row; a folder of files says whose it is.
create table archive_identity (
    id          uuid not null default gen_random_uuid()
);
insert into archive_identity default values;

-- Raises TD004, so that nothing of the statement is stored, where a tick lies in an archived day of its symbol: whether the
-- file has it already is not known here, and the candles would count it twice.
create function tickdeck_on_archived_v1() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    _until timestamptz;
    _symbol text;
    _day date;
begin
    select max(day)::timestamp at time zone 'UTC' + interval '24 hours' into _until from archived_ticks;
    if _until is null then
        return null;
    end if;
    select a.symbol, a.day into _symbol, _day
    from new_ticks t
    join archived_ticks a on a.symbol = t.symbol and a.day = (t.time at time zone 'UTC')::date
    where t.time < _until
    limit 1;
    if found then
        raise exception using
            errcode = 'TD004',
            message = format('the ticks of %s on %s are in the archive', _symbol, _day),
            hint = format('`tickdeck archive restore %s %s` brings them back into the table; then it takes more.', _symbol, _day);
    end if;
    return null;
end
$$;
revoke all on function tickdeck_on_archived_v1() from public;
create trigger ticks_not_archived after insert on ticks
    referencing new table as new_ticks
    for each statement execute function tickdeck_on_archived_v1();
