-- A token that another one made goes with it and lives no longer. A restricted one has no rights of an administrator,
-- whoever's it is. A parent is in the same table, and goes only together with its children or after they were given away.
alter table tokens add column parent_id bigint references tokens (id);
alter table tokens add column restricted integer not null default 0;
create index tokens_by_parent on tokens (parent_id);
