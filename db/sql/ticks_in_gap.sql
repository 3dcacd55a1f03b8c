select time, seq
from ticks
where symbol = $1 and time between $2 and $3 and seq > $4 and seq < $5
order by seq
