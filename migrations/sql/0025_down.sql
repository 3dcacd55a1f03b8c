alter table instruments drop column allow_negative;
