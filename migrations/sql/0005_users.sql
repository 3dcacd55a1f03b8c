-- Who may sign in, what they are signed in with, and what was done.  Secrets are hashes only: a password as argon2id,
-- the tokens of sessions and programs, which are random, as SHA-256.
do $$
begin
    if not exists (select from pg_roles where rolname = 'tickdeck_settings') then
        begin
            create role tickdeck_settings nologin;
        exception when duplicate_object or unique_violation then null;  -- another starter was quicker
        end;
    end if;
    if not pg_has_role(current_user, 'tickdeck_settings', 'member') then
        grant tickdeck_settings to current_user;
    end if;
end
$$;

create table users (
    id bigint generated always as identity primary key,
    name text not null check (name ~ '^[[:alnum:]][[:alnum:]._@+-]{0,63}$'),
    role text not null check (role in ('viewer', 'analyst', 'admin')),
    password_hash text check (password_hash like '$argon2id$%'),  -- null: signs in elsewhere only
    issuer text,
    subject text,
    disabled boolean not null default false,
    created_at timestamptz not null default now(),
    check ((issuer is null) = (subject is null)),
    unique (issuer, subject)
);
-- "Anna" and "anna" are one person.
create unique index users_name_key on users (lower(name));

create table user_sessions (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    owner_id bigint not null references users on delete cascade,
    address text not null,
    agent text not null,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index user_sessions_owner_idx on user_sessions (owner_id);

create table api_tokens (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    owner_id bigint not null references users on delete cascade,
    name text not null check (length(name) between 1 and 64),
    scopes text[] not null check (scopes <@ array['read', 'replay', 'metrics', 'admin'] and cardinality(scopes) > 0),
    created_at timestamptz not null default now(),
    used_at timestamptz,
    expires_at timestamptz,
    unique (owner_id, name)
);

create table audit_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    event text not null,
    actor text not null,
    address text,
    subject text,
    detail jsonb not null default '{}'
);

create function tickdeck_audit_is_kept_v1() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only ever added to';
end
$$;
create trigger tickdeck_audit_is_kept before update or delete or truncate on audit_log
    for each statement execute function tickdeck_audit_is_kept_v1();

grant usage on schema public to tickdeck_settings;
grant select, insert, update, delete on users, user_sessions, api_tokens to tickdeck_settings;
grant select, insert on audit_log to tickdeck_settings;
grant select on alembic_version to tickdeck_settings;
