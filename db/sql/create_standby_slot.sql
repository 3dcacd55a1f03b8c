-- Keep the log from now on for the standby of this name.
select pg_create_physical_replication_slot(%(name)s, true)
