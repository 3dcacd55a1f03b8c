delete from archive_left where file = %(file)s;
