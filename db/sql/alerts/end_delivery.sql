-- What became of a delivery: sent or failed, or (waiting) to be tried again in so many seconds.
update alert_deliveries set state = $2, error = left($3, 500), next_at = now() + make_interval(secs => $4)
where id = $1
