-- Change what is in the list that a link leads to; nothing is returned where it leads nowhere, or is for looking only.
update watchlists w set entries = $2, changed_at = now()
where w.link_hash = $1 and w.link_role = 'edit'
    and (w.owner_id is null or exists (select from users u where u.id = w.owner_id and not u.disabled and u.role <> 'viewer'))
returning true
