-- What a database of Tickdeck's holds, of any revision.
select
    (select version_num from alembic_version) as revision,
    (select count(*) from ticks) as ticks,
    (select count(*) from instruments) as symbols,
    (select count(*) from candles) as candles,
    (select max(time) from ticks) as newest
