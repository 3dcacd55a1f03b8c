delete from ticks where symbol = %(symbol)s and time >= %(start)s and time < %(until)s;
