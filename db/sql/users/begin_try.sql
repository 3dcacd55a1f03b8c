-- For how many seconds each of the keys $1 is ahead of what it may have tried by now.  The rows are locked until the
-- transaction ends, in the order of their keys, so that tries that share one wait for one another and never in a circle.
insert into sign_in_tries as t (key, due)
select key, now() from unnest($1::bytea[]) key order by key
on conflict (key) do update set due = greatest(t.due, now())
returning key, extract(epoch from due - now())::float8
