drop index stale_hours_by_hour;
