-- Where the symbol $1 trades, and in which zone.
select exchange, timezone, to_char(day_start, 'HH24:MI') from instruments where symbol = $1
