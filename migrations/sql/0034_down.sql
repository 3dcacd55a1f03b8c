alter table alert_rules drop column link_hash;
alter table watchlists drop column link_role, drop column link_hash;
