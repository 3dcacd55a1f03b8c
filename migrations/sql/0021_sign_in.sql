-- sign_in_tries: how often somebody has tried to sign in lately, kept for all processes and over their restarts.  `key` is the
-- SHA-256 of whom or where it counts, `due` the moment at which all tries are made good (generic cell rate algorithm).
create table sign_in_tries (
    key         bytea primary key check (octet_length(key) = 32),
    due         timestamptz not null
);
grant select, insert, update, delete on sign_in_tries to tickdeck_settings;

-- How somebody came in, so that he can be sent to where he may sign out there, too.
alter table user_sessions add column way text not null default 'password';
