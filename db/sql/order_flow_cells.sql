-- What order_flow has of $1 in [$2, $3), of the hours $4.
select minute, price, bought, sold, unsided, trades
from order_flow
where symbol = $1 and minute >= $2 and minute < $3 and time_bucket('1 hour', minute) = any ($4::timestamptz[])
