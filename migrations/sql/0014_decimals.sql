-- As many decimals as the smallest price has that can be stored.
alter table instruments drop constraint instruments_price_decimals_check;
alter table instruments add constraint instruments_price_decimals_check check (price_decimals between 0 and 30);
