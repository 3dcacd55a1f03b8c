-- The numbers of the writers of the stream $1 that live, on whatever machine, in order.
select objid::int as number
from pg_locks
where locktype = 'advisory' and objsubid = 2 and granted
    and database = (select oid from pg_database where datname = current_database())
    and classid = (hashtext('tickdeck ingest ' || $1)::bigint & 4294967295)::oid
    and objid < 1000
order by number
