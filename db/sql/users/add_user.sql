insert into users (name, role, password_hash, issuer, subject) values ($1, $2, $3, $4, $5)
returning id
