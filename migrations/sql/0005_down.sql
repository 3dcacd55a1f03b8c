drop table audit_log, api_tokens, user_sessions, users;
drop function tickdeck_audit_is_kept_v1();
do $$
begin
    execute format('revoke all on schema public from tickdeck_settings');
    revoke all on alembic_version from tickdeck_settings;
end
$$;
