-- Forget the slot of a standby of this name that is over; one that is used stays.
select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %(name)s and not active
