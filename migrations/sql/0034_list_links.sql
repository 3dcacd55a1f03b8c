-- Links by which others see somebody's watchlist or alert rule; of each its hash alone is kept, and there is one at the most.
-- `link_role`: whether who has the link may change the list, too.  A rule is for looking and copying only.
alter table watchlists
    add column link_hash bytea unique check (octet_length(link_hash) = 32),
    add column link_role text check (link_role in ('view', 'edit')),
    add constraint watchlists_link_check check ((link_hash is null) = (link_role is null));
alter table alert_rules add column link_hash bytea unique check (octet_length(link_hash) = 32);
