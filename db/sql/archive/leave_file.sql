insert into archive_left (file) values (%(file)s) on conflict (file) do update set left_at = now();
