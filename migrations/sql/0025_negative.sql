-- Feeds and files look at it: a price of 0 or below is one then.  What is inserted otherwise was never held to it.
alter table instruments add column allow_negative boolean not null default false;
