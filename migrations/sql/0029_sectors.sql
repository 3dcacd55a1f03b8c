-- What the overview groups by; free text, such as Banks.
alter table instruments add column sector text check (length(sector) between 1 and 80);
