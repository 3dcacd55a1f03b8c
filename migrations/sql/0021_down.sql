alter table user_sessions drop column way;
drop table sign_in_tries;
