update users set
    password_hash = coalesce($2, password_hash),
    role = coalesce($3, role),
    disabled = coalesce($4, disabled)
where lower(name) = lower($1)
returning id
