-- Every object of the public schema as kind, table or name, detail and definition, in the words of the server;
-- what extensions and TimescaleDB's chunks brought is left out.
with tables as (
    select c.oid, c.relname::text as name, c.relkind, c.relacl, c.relowner
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'S')
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
)
select 'table' as kind, t.name, '' as detail,
       case when exists (select from timescaledb_information.hypertables h
                         where h.hypertable_schema = 'public' and h.hypertable_name = t.name)
            then 'hypertable' when t.relkind = 'S' then 'sequence' else 'table' end as definition
from tables t
union all
select 'column', t.name, a.attname::text,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                 case when a.attcollation = '"C"'::regcollation then 'collate "C"' end,
                 case when a.attnotnull then 'not null' end,
                 'default ' || pg_get_expr(d.adbin, d.adrelid))
from tables t
join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
where t.relkind <> 'S'
union all
select 'constraint', t.name, c.conname::text, pg_get_constraintdef(c.oid)
from tables t
join pg_constraint c on c.conrelid = t.oid and c.contype <> 'n'  -- not null stands with the column
union all
select 'index', t.name, i.relname::text, pg_get_indexdef(x.indexrelid)
from tables t
join pg_index x on x.indrelid = t.oid
join pg_class i on i.oid = x.indexrelid
union all
select 'trigger', t.name, g.tgname::text, pg_get_triggerdef(g.oid)
from tables t
join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
where g.tgname <> 'ts_insert_blocker'
union all
select 'function', p.proname::text, pg_get_function_identity_arguments(p.oid),
       concat_ws(' ', 'returns', pg_get_function_result(p.oid), l.lanname, 'volatile ' || p.provolatile::text,
                 case when p.prosecdef then 'security definer' end,
                 case when p.proisstrict then 'strict' end,
                 array_to_string(p.proconfig, ' '), 'body', md5(p.prosrc))
from pg_proc p
join pg_language l on l.oid = p.prolang
where p.pronamespace = 'public'::regnamespace
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
union all
select 'grant', t.name, r.rolname::text, string_agg(lower(g.privilege_type), ', ' order by g.privilege_type)
from tables t
cross join lateral aclexplode(t.relacl) g
join pg_roles r on r.oid = g.grantee
where r.rolname in ('tickdeck_reader', 'tickdeck_writer')
group by t.name, r.rolname
union all
select 'grant', p.proname::text, coalesce(r.rolname::text, 'public'),
       string_agg(lower(g.privilege_type), ', ' order by g.privilege_type)
from pg_proc p
cross join lateral aclexplode(p.proacl) g
left join pg_roles r on r.oid = g.grantee
where p.pronamespace = 'public'::regnamespace and p.proname like 'tickdeck\_%'
  and (g.grantee = 0 or r.rolname in ('tickdeck_reader', 'tickdeck_writer'))
group by p.proname, r.rolname
order by 1, 2, 3;
