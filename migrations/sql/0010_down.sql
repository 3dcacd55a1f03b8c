alter table ticks drop constraint ticks_updates_and_side;
alter table ticks add constraint ticks_updates check (updates between 0 and 7);
-- The column itself stays, empty: see 0007_down.
update ticks set side = null where side is not null;
