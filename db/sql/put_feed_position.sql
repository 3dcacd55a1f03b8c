insert into feed_positions as p (feed, source, at) values ($1, $2, $3::jsonb)
on conflict (feed, source) do update set at = excluded.at, changed_at = now()
