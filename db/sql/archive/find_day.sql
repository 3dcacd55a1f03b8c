select file, sha256, ticks from archived_ticks where symbol = %(symbol)s and day = %(day)s;
