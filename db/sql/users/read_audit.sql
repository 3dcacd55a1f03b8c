select id, at, event, actor, address, subject, detail from audit_log where id > $1 order by id limit $2
