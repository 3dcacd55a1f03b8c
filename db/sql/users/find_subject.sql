select id, name, role, password_hash, disabled from users where issuer = $1 and subject = $2
