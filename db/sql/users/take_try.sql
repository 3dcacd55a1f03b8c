update sign_in_tries t set due = t.due + make_interval(secs => w.period_s)
from unnest($1::bytea[], $2::float8[]) w (key, period_s) where t.key = w.key
