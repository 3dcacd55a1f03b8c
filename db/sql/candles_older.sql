-- Whether symbol $1 has any minute in [$2, $3).
select exists (select from candles where symbol = $1 and interval = '1m' and bucket >= $2 and bucket < $3)
