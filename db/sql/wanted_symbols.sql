select wanted from feeds where name = $1
