-- Until the end of the transaction everything reads as it was known at the instant $1 (see migrations/sql/0018_known.sql).
select set_config('search_path', 'tickdeck_known, public, pg_temp', true),
       set_config('tickdeck.known_at', $1::timestamptz::text, true)
