-- Of one user: the most of what the user's tenants allow.
alter table tenants add column max_tokens bigint not null default 1000;
