alter table instruments drop column sector;
