-- What a bare COPY goes into: the same columns, chunks and unique index as `ticks`, and nothing else.
create table bare_ticks (
    time        timestamptz not null,
    symbol      text collate "C" not null,
    seq         bigint not null,
    price       double precision not null,
    size        double precision not null,
    bid         double precision,
    ask         double precision,
    exchange    text,
    conditions  text
);
select create_hypertable('bare_ticks', by_range('time', interval '1 day'), create_default_indexes => false);
create unique index bare_ticks_identity on bare_ticks (symbol, time, seq);
