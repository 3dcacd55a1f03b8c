-- Alone, as the builder.
select pg_advisory_xact_lock(7455000001);

-- ticks.updates: what the print moves, by its sale conditions (db/market/conditions): 1 the last price, and with it open
-- and close; 2 high and low, as does what moves the last price; 4 volume and turnover.  Null: all.
alter table ticks add column if not exists updates smallint;  -- a downgrade leaves it
alter table ticks add constraint ticks_updates check (updates between 0 and 7);

-- candles.bounded, of 1m: each of its ticks updates the last price, so that first_* and last_* bound them all.
-- A candle none of whose ticks does has open = close = 0, first_time 2200-01-01 and last_time before 1970.  It is not
-- shown, but counts in the candles that it is a part of.
alter table candles add column bounded boolean not null default true;
