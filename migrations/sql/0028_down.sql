drop table watchlists;
