select id::text from archive_identity
