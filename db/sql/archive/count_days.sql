select count(*) from archived_ticks where day >= ($1::timestamptz at time zone 'UTC')::date
