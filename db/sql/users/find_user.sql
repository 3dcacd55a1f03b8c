select id, name, role, password_hash, disabled from users where lower(name) = lower($1)
