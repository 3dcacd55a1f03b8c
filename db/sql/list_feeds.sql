select name, kind, state, detail, stored, rejected, started_at, seen_at, fault, health,
       extract(epoch from clock_timestamp() - seen_at)::double precision as silent_s,
       (select count(*) from feed_gaps where feed = feeds.name and feed_gaps.state = 'missing') as missing_gaps,
       (select coalesce(jsonb_object_agg(g.symbol, g.gaps), '{}')::text
        from (select symbol, count(*) as gaps from feed_gaps where feed = feeds.name and feed_gaps.state = 'missing'
              group by symbol order by gaps desc, symbol limit 500) g) as gaps
from feeds
order by seen_at desc, name
