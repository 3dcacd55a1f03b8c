-- This transaction's snapshot, and whether any transaction that it sees is still ending.
--
-- PostgreSQL lets others see a commit before it tells them that tables were made in it (ProcArrayEndTransaction and
-- AtEOXact_Inval in its xact.c).  A plan made in between leaves out a chunk of which the snapshot sees the rows.
-- Transactions keep the lock on their own id until after both.
select pg_current_snapshot()::text, exists (
    select from pg_locks
    where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted
      and age(transactionid) > age(pg_snapshot_xmax(pg_current_snapshot())::xid)
      and transactionid not in (select xip::xid from pg_snapshot_xip(pg_current_snapshot()) xip)
)
