update instruments set price_decimals = 12 where price_decimals > 12;
alter table instruments drop constraint instruments_price_decimals_check;
alter table instruments add constraint instruments_price_decimals_check check (price_decimals between 0 and 12);
