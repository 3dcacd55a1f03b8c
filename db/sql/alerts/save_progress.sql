insert into alert_progress (evaluated_us) values ($1)
on conflict (only_row) do update set evaluated_us = excluded.evaluated_us, saved_at = now()
where alert_progress.evaluated_us < excluded.evaluated_us
