-- A gap whose trades are numbered is filled once as many numbers between its ends are stored as there are.  One that reaches
-- into an archived day stays as it is.
with closed as (
    update feed_gaps as g
    set state = 'filled', changed_at = now()
    where g.state = 'missing' and g.from_seq is not null and g.to_seq is not null
      and g.to_seq - g.from_seq - 1 <= (
          select count(distinct t.seq)
          from ticks t
          where t.symbol = g.symbol and t.time between g.from_time and g.to_time
            and t.seq > g.from_seq and t.seq < g.to_seq
      )
    returning 1
)
select count(*) from closed
