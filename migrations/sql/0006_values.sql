-- Symbols may have blanks inside and up to 64 bytes (options as the OCC writes them), prices may be 0 and below (crude oil
-- on 2020-04-20): the writer takes such prices only where it is told that they are prices.
alter table instruments drop constraint instruments_symbol_check;
alter table instruments add constraint instruments_symbol_check check (
    symbol <> '' and octet_length(symbol) <= 64
    and symbol = btrim(symbol) and replace(symbol, ' ', '') !~ '[[:space:][:cntrl:]]'
);
alter table ticks drop constraint ticks_symbol;
alter table ticks add constraint ticks_symbol check (octet_length(symbol) between 1 and 64);
alter table ticks drop constraint ticks_price_and_size;
alter table ticks add constraint ticks_price_and_size check (
    (price = 0 or abs(price) between 1e-30 and 1e30) and (size = 0 or size between 1e-30 and 1e30)
);
alter table ticks drop constraint ticks_bid_and_ask;
alter table ticks add constraint ticks_bid_and_ask check (
    abs(bid) between 1e-30 and 1e30 and abs(ask) between 1e-30 and 1e30
);
