alter table user_sessions drop column identity_token;
