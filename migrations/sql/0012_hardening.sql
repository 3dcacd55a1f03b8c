-- What nobody but the owner has business with, and what every function and role has pinned.
--
-- Large objects are files that anybody may fill without a right on any table.  Their functions are the server's: where the
-- owner of this database may not take them away from everybody, that is said and they stay.
do $$
declare
    _function regprocedure;
    _setting text;
begin
    for _function in
        select oid::regprocedure from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and (proname ~ '^lo_' or proname in ('loread', 'lowrite'))
    loop
        begin
            execute format('revoke execute on function %s from public', _function);
        exception when insufficient_privilege then
            raise notice 'everybody may call %: only a superuser can take that away', _function;
        end;
    end loop;
    begin
        -- The writer has it of its own: it looks batches over in one.
        execute format('revoke temporary on database %I from public', current_database());
        execute format('grant temporary on database %I to tickdeck_writer', current_database());
    exception when insufficient_privilege then
        raise notice 'everybody may make temporary tables: only the owner of the database can take that away';
    end;
    -- For whoever logs in as one of them with another program than Tickdeck, which sets these itself.
    foreach _setting in array array[
        'search_path = public, pg_temp', 'statement_timeout = ''5min''', 'idle_in_transaction_session_timeout = ''1h'''
    ] loop
        begin
            execute format('alter role tickdeck_reader in database %I set %s', current_database(), _setting);
            execute format('alter role tickdeck_settings in database %I set %s', current_database(), _setting);
            if _setting not like 'statement_timeout%' then  -- a file takes as long as it takes
                execute format('alter role tickdeck_writer in database %I set %s', current_database(), _setting);
            end if;
        exception when insufficient_privilege then
            raise notice '% could not be set for the roles', _setting;
        end;
    end loop;
end
$$;

alter function tickdeck_audit_is_kept_v1() set search_path = pg_catalog, pg_temp;
alter function tickdeck_history_is_kept_v1() set search_path = pg_catalog, pg_temp;

-- Trigger functions are called by triggers alone.
revoke all on function tickdeck_on_ticks_v1(), tickdeck_on_timezone_v1(), tickdeck_audit_is_kept_v1(),
    tickdeck_history_is_kept_v1() from public;

-- An entry of the audit log by whoever may write ticks, such as a feed: who it was says the login, not the caller.
create function tickdeck_audit_v1(_event text, _subject text, _detail jsonb) returns void
language sql
security definer
set search_path = public, pg_temp
as $$
    insert into audit_log (event, actor, subject, detail)
    values (_event, session_user, left(_subject, 200), _detail)
$$;
revoke all on function tickdeck_audit_v1(text, text, jsonb) from public;
grant execute on function tickdeck_audit_v1(text, text, jsonb) to tickdeck_writer, tickdeck_settings;

-- What was made while there were no users, and so has no owner, becomes the first user's: in every table with such a column.
create function tickdeck_on_first_user_v1() returns trigger
language plpgsql
security definer
set search_path = public, pg_temp
as $$
declare
    _table regclass;
begin
    if (select count(*) from users) = 1 then
        for _table in
            select c.oid from pg_class c join pg_attribute a on a.attrelid = c.oid
            where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
                and a.attname = 'owner_id' and not a.attnotnull and not a.attisdropped
        loop
            execute format('update %s set owner_id = $1 where owner_id is null', _table) using new.id;
        end loop;
    end if;
    return null;
end
$$;
revoke all on function tickdeck_on_first_user_v1() from public;
create trigger tickdeck_on_first_user after insert on users
    for each row execute function tickdeck_on_first_user_v1();
