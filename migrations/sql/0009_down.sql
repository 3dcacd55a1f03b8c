drop table feed_gaps;
alter table feeds drop column health, drop column fault, drop column wanted;
