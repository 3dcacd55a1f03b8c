-- Where a batch waits that holds ticks which are stored already; one a connection, empty between batches.
create temporary table if not exists offered_ticks (
    time        timestamptz not null,
    symbol      text collate "C" not null,
    seq         bigint not null,
    price       double precision not null,
    size        double precision not null,
    bid         double precision,
    ask         double precision,
    exchange    text,
    conditions  text,
    updates     smallint,
    side        smallint
) on commit delete rows
