-- imported_candles: bars that were made elsewhere, from an exchange or a file.  They stand for ticks that are not here: where a
-- tick is stored in [bucket, until), the bar does not count any more (see db/sql/imported_candles.sql).
create table imported_candles (
    symbol      text collate "C" not null check (octet_length(symbol) between 1 and 64),
    interval    text collate "C" not null,
    bucket      timestamptz not null check (bucket >= '1969-11-29 00:00:00+00' and bucket < '2200-01-01 00:00:00+00'),
    until       timestamptz not null,
    open        double precision not null,
    high        double precision not null,
    low         double precision not null,
    close       double precision not null,
    volume      double precision not null check (volume >= 0 and volume < 'Infinity'),
    turnover    double precision not null check (turnover > '-Infinity' and turnover < 'Infinity'),
    trades      bigint not null check (trades >= 0),          -- 0: not known
    source      text not null,
    imported_at timestamptz not null default now(),
    primary key (symbol, interval, bucket),
    check (until > bucket),
    check (low > '-Infinity' and low <= open and low <= close and open <= high and close <= high and high < 'Infinity')
);
grant select, insert on imported_candles to tickdeck_writer;
grant select on imported_candles to tickdeck_reader;
