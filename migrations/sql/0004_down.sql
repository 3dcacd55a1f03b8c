select pg_advisory_xact_lock(7455000001);
delete from candles where interval in ('5m', '15m');
alter table candles drop constraint candles_interval_check;
alter table candles add constraint candles_interval_check check (interval in ('1m', '1h', '1d'));
