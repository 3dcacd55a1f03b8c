-- instruments: one row a symbol; unknown symbols are registered by their first tick.
create table instruments (
    symbol          text collate "C" primary key
                    check (symbol <> '' and octet_length(symbol) <= 32 and symbol !~ '[[:space:][:cntrl:]]'),
    name            text,
    exchange        text,                                  -- ISO 10383 MIC, such as XNYS; null: around the clock
    timezone        text not null default 'UTC'            -- IANA name; day candles follow it
                    check (timestamptz '2000-01-01 00:00:00+00' at time zone timezone is not null),
    currency        text,                                  -- ISO 4217
    price_decimals  smallint not null default 2 check (price_decimals between 0 and 12),
    created_at      timestamptz not null default now()
);

create sequence ticks_seq as bigint;

-- ticks: what happened, as the feed said it.  Identity is (symbol, time, seq).  Few constraints, each of several
-- terms: a server reads every constraint anew for each statement.  The bounds keep Σ price·size finite.
create table ticks (
    time        timestamptz not null,
    symbol      text collate "C" not null,
    seq         bigint not null default nextval('ticks_seq'),  -- for a psql INSERT; feeds bring their own
    price       double precision not null,
    size        double precision not null default 0,
    bid         double precision,
    ask         double precision,
    exchange    text,                                      -- where it traded, in the feed's own code
    conditions  text,                                      -- sale conditions, in the feed's own code
    constraint ticks_time check (time >= '1970-01-01 00:00:00+00' and time < '2200-01-01 00:00:00+00'),
    constraint ticks_symbol check (octet_length(symbol) between 1 and 32),
    constraint ticks_price_and_size
        check (price between 1e-30 and 1e30 and (size = 0 or size between 1e-30 and 1e30)),
    constraint ticks_bid_and_ask check (bid between 1e-30 and 1e30 and ask between 1e-30 and 1e30)
);
select create_hypertable('ticks', by_range('time', interval '1 day'), create_default_indexes => false);
create unique index ticks_identity on ticks (symbol, time, seq);

-- candles: 1m is kept by the trigger on ticks in the tick's own transaction; 1h and 1d are built from it
-- later (see stale_hours).  first_* and last_* are the identities of the ticks that gave open and close.
create table candles (
    bucket      timestamptz not null,
    first_time  timestamptz not null,
    last_time   timestamptz not null,
    first_seq   bigint not null,
    last_seq    bigint not null,
    open        double precision not null,
    high        double precision not null,
    low         double precision not null,
    close       double precision not null,
    volume      double precision not null,
    turnover    double precision not null,                 -- Σ price·size
    trades      bigint not null,
    symbol      text collate "C" not null,
    interval    text collate "C" not null check (interval in ('1m', '1h', '1d'))
) with (fillfactor = 70);                                  -- room for the forming candle's updates in place
select create_hypertable('candles', by_range('bucket', interval '30 days'), create_default_indexes => false);
create unique index candles_identity on candles (symbol, interval, bucket);

-- stale_hours: the hours (UTC) of a symbol whose 1h candle, and whose day's 1d candle, are not built from all
-- of its 1m candles.  An hour that has ticks is either here or right in `candles`.
create table stale_hours (
    symbol      text collate "C" not null,
    hour        timestamptz not null,
    primary key (symbol, hour)
) with (autovacuum_vacuum_scale_factor = 0.05);

-- feeds: what is writing now; each feed refreshes its row while it runs.
create table feeds (
    name        text primary key,
    kind        text not null,                             -- csv, walk, load, …
    state       text not null check (state in ('running', 'ended', 'failed')),
    detail      text not null default '',
    stored      bigint not null default 0,
    rejected    bigint not null default 0,
    started_at  timestamptz not null default now(),
    seen_at     timestamptz not null default now()
);
