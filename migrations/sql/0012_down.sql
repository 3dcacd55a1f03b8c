drop trigger tickdeck_on_first_user on users;
drop function tickdeck_on_first_user_v1();
drop function tickdeck_audit_v1(text, text, jsonb);
grant execute on function tickdeck_on_ticks_v1(), tickdeck_on_timezone_v1(), tickdeck_audit_is_kept_v1(),
    tickdeck_history_is_kept_v1() to public;
alter function tickdeck_audit_is_kept_v1() reset search_path;
alter function tickdeck_history_is_kept_v1() reset search_path;
do $$
declare
    _function regprocedure;
    _role text;
begin
    for _function in
        select oid::regprocedure from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and (proname ~ '^lo_' or proname in ('loread', 'lowrite'))
            and proname <> 'lo_export' and not (proname = 'lo_import')  -- those two are a superuser's from the start
    loop
        begin
            execute format('grant execute on function %s to public', _function);
        exception when insufficient_privilege then null;
        end;
    end loop;
    begin
        execute format('grant temporary on database %I to public', current_database());
        foreach _role in array array['tickdeck_reader', 'tickdeck_writer', 'tickdeck_settings'] loop
            execute format('alter role %I in database %I reset all', _role, current_database());
        end loop;
    exception when insufficient_privilege then null;
    end;
end
$$;
