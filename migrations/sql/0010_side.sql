-- ticks.side: who took the price that was there, 1 the buyer, -1 the seller; null: not known.
alter table ticks add column if not exists side smallint;  -- a downgrade leaves it, as it does `updates`

-- One constraint for both columns: a server reads every constraint anew for each statement.
alter table ticks drop constraint ticks_updates;
alter table ticks add constraint ticks_updates_and_side check (updates between 0 and 7 and side in (-1, 1));
