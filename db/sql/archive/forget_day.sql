delete from archived_ticks where symbol = %(symbol)s and day = %(day)s;
