-- This transaction's snapshot, and whether a transaction of this database that it sees is still ending.
--
-- PostgreSQL lets others see a commit before it tells them that tables were made in it (ProcArrayEndTransaction and
-- AtEOXact_Inval in its xact.c).  A plan made in between leaves out a chunk of which the snapshot sees the rows.
-- Transactions keep the locks on their own ids until after both.
--
-- A subtransaction that wrote has an id of its own, of which pg_snapshot_xip says nothing: it is over for the snapshot
-- when all ids of its transaction (one virtualtransaction) are.  Ids are the server's, chunks the database's.  A
-- prepared transaction has no process; one that is being committed may be of this database.
select pg_current_snapshot()::text, exists (
    select from (
        select virtualtransaction, pid,
               bool_and(age(transactionid) > age(pg_snapshot_xmax(pg_current_snapshot())::xid)
                        and transactionid not in (
                            select xip::xid from pg_snapshot_xip(pg_current_snapshot()) xip)) as over
        from pg_locks
        where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted
        group by virtualtransaction, pid
    ) holder
    where over and (
        pid is null
        or exists (
            select from pg_stat_get_activity(pid) a
            where a.datid = (select oid from pg_database where datname = current_database())
        )
    )
)
