select at from feed_positions where feed = $1 and source = $2
