select symbol, day, file, sha256, ticks, bytes, first_time, first_seq, last_time, last_seq from archived_ticks order by day, symbol;
