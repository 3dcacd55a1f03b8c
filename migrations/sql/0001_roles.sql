-- Roles are the server's, not the database's: another Tickdeck database may have made them already.
do $$
declare
    _role text;
begin
    foreach _role in array array['tickdeck_writer', 'tickdeck_reader'] loop
        if not exists (select from pg_roles where rolname = _role) then
            begin
                execute format('create role %I nologin', _role);
            exception when duplicate_object or unique_violation then null;  -- another starter was quicker
            end;
        end if;
        -- The migrating user may act as both, so that one DATABASE_URL is enough.
        if not pg_has_role(current_user, _role, 'member') then
            execute format('grant %I to current_user', _role);
        end if;
    end loop;
end
$$;

do $$
begin
    execute format('grant temporary on database %I to tickdeck_writer', current_database());
end
$$;
grant usage on schema public to tickdeck_writer, tickdeck_reader;
grant select on instruments, ticks, candles, stale_hours, feeds to tickdeck_writer, tickdeck_reader;
grant insert on ticks to tickdeck_writer;
grant insert, update on instruments, feeds to tickdeck_writer;
grant usage on sequence ticks_seq to tickdeck_writer;
grant select on alembic_version to tickdeck_writer, tickdeck_reader;
revoke all on function tickdeck_build_candles_v1(integer) from public;
grant execute on function tickdeck_build_candles_v1(integer) to tickdeck_writer, tickdeck_reader;
