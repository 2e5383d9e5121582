-- What a tenant may store; 0: as much as there is room for.
alter table tenants add column disk_bytes bigint not null default 0;

-- Of a removed dataset: what it held, so that the same records uploaded again serve the models that were trained with them.
alter table model_datasets add column content_sha256 text not null default '';
create index uses_of_content on model_datasets (content_sha256);

-- The checkpoint before the newest, to go back to when that is damaged.
alter table models add column previous_sha256 text references objects (sha256);
alter table models add column previous_bytes bigint;
alter table models add column previous_epochs bigint not null default 0;
