-- No row: no such feed runs.  Where nothing would be left, nothing is changed.
with asked as (
    select name,
           array(
               select symbol
               from unnest(coalesce(wanted, array(select jsonb_array_elements_text(health -> 'symbols'))) || $2::text[])
                    with ordinality as each (symbol, place)
               where symbol <> all ($3::text[])
               group by symbol
               order by min(place)
           ) as symbols
    from feeds
    where name = $1 and state = 'running' and jsonb_typeof(health -> 'symbols') = 'array'
), changed as (
    update feeds set wanted = asked.symbols from asked where feeds.name = asked.name and asked.symbols <> '{}'
)
select symbols as wanted from asked
