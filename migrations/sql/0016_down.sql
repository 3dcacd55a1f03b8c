drop table feed_positions;
