select timezone, to_char(day_start, 'HH24:MI') from instruments where symbol = $1
