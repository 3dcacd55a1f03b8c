-- The files that no day has needed for %(seconds)s seconds.
select file from archive_left
where left_at < now() - %(seconds)s * interval '1 second'
  and not exists (select from archived_ticks a where a.file = archive_left.file);
