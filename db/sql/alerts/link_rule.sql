-- Give a rule another link, or none, without making it wait anew; nothing is returned where there is no such rule of his.
update alert_rules set link_hash = $3 where id = $1 and owner_id is not distinct from $2 returning true
