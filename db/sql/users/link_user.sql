update users set issuer = $2, subject = $3 where lower(name) = lower($1)
returning id
