-- Tokens of scripts that put panels on the page.

alter table api_tokens drop constraint api_tokens_scopes_check;
alter table api_tokens add constraint api_tokens_scopes_check
    check (scopes <@ array['read', 'replay', 'metrics', 'admin', 'panels'] and cardinality(scopes) > 0);
