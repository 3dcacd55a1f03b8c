select count(*) from users where role = 'admin' and not disabled
