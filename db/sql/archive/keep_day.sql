insert into archived_ticks (symbol, day, first_time, first_seq, last_time, last_seq, ticks, file, sha256, bytes)
values (%(symbol)s, %(day)s, %(first_time)s, %(first_seq)s, %(last_time)s, %(last_seq)s, %(ticks)s, %(file)s, %(sha256)s, %(bytes)s)
on conflict (symbol, day) do update set
    first_time = excluded.first_time, first_seq = excluded.first_seq, last_time = excluded.last_time,
    last_seq = excluded.last_seq, ticks = excluded.ticks, file = excluded.file, sha256 = excluded.sha256,
    bytes = excluded.bytes, archived_at = now();
