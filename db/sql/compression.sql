-- The edition, and the policy that compresses ticks, if there is one.
select
    current_setting('timescaledb.license', true) as edition,
    (select (config ->> 'compress_after')::interval
     from timescaledb_information.jobs
     where proc_name in ('policy_compression', 'policy_columnstore')
       and hypertable_schema = 'public' and hypertable_name = 'ticks') as compress_after;
