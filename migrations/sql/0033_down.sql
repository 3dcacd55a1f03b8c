-- Tokens for panels alone are for nothing then; the others are for less.

delete from api_tokens where scopes <@ array['panels'];
update api_tokens set scopes = array_remove(scopes, 'panels') where 'panels' = any (scopes);
alter table api_tokens drop constraint api_tokens_scopes_check;
alter table api_tokens add constraint api_tokens_scopes_check
    check (scopes <@ array['read', 'replay', 'metrics', 'admin'] and cardinality(scopes) > 0);
