-- Alone, as the builder: no hour is built by the old one after this, none is marked or unmarked meanwhile.
select pg_advisory_xact_lock(7455000001);

alter table candles drop constraint candles_interval_check;
alter table candles add constraint candles_interval_check check (interval in ('1m', '5m', '15m', '1h', '1d'));

-- No hour has its candles of 5 and 15 minutes yet; the builder makes them, and until then reads fold them.
insert into stale_hours (symbol, hour)
select symbol, bucket from candles where interval = '1h'
on conflict do nothing;
