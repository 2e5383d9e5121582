-- The tenant that holds whatever of the machine no other tenant is allotted; its cpus and memory_bytes follow.
alter table tenants add column takes_rest integer not null default 0;
