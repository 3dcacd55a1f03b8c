-- The ticks of one symbol in [start, until), in order; times in µs since the epoch.
copy (
    select (extract(epoch from time) * 1000000)::bigint, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side
    from ticks
    where symbol = %(symbol)s and time >= %(start)s and time < %(until)s
    order by time, seq
) to stdout (format csv)
