-- The provider's identity token, which it wants to see again where its user signs out; encrypted with a key that only the
-- session's cookie gives.
alter table user_sessions add column identity_token text;
