-- Before the way down: an older version would not know where those ticks are.
do $$
begin
    if exists (select from archived_ticks) then
        raise exception 'there are ticks in the archive: bring them back first, with `tickdeck archive restore --all`';
    end if;
end
$$;
