alter table ticks drop constraint ticks_bid_and_ask;
alter table ticks add constraint ticks_bid_and_ask check (bid between 1e-30 and 1e30 and ask between 1e-30 and 1e30);
alter table ticks drop constraint ticks_price_and_size;
alter table ticks add constraint ticks_price_and_size
    check (price between 1e-30 and 1e30 and (size = 0 or size between 1e-30 and 1e30));
alter table ticks drop constraint ticks_symbol;
alter table ticks add constraint ticks_symbol check (octet_length(symbol) between 1 and 32);
alter table instruments drop constraint instruments_symbol_check;
alter table instruments add constraint instruments_symbol_check
    check (symbol <> '' and octet_length(symbol) <= 32 and symbol !~ '[[:space:][:cntrl:]]');
