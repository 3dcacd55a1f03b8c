select id, role from users where id = any($1) and not disabled
