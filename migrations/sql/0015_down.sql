drop table drawings;
