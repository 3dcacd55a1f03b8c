update feeds set wanted = null where name = $1
