-- What stands for `ticks` where a statement reads the archive's, too: :0 to :10 are their columns.
(
    select time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side from ticks
    union all
    select _timescaledb_functions.to_timestamp(time), symbol, seq, price, size, bid, ask, exchange, conditions, updates, side
    from unnest(:0::bigint[], :1::text[], :2::bigint[], :3::float8[], :4::float8[], :5::float8[], :6::float8[], :7::text[],
                :8::text[], :9::smallint[], :10::smallint[])
        archived (time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side)
)
