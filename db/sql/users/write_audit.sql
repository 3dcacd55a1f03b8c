insert into audit_log (event, actor, address, subject, detail) values ($1, $2, $3, $4, $5)
