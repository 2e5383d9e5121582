-- Roles: 1 viewer, 2 member, 3 manager, and as the scope of a token also 4, administrator; each may what those before it may.
-- Numbers, because of a user's several roles in a tenant the highest counts.
alter table memberships add column role integer not null default 2;
update memberships set role = 3 where user_id in (select id from users where admin = 1);

-- A group of a tenant holds a role for all who are in it.
create table user_groups (
  id integer primary key autoincrement,
  tenant_id bigint not null references tenants (id),
  name text not null,
  role integer not null,
  created_us bigint not null,
  unique (tenant_id, name)
);
create table group_members (
  group_id bigint not null references user_groups (id),
  user_id bigint not null references users (id),
  primary key (group_id, user_id)
);
create index groups_of_user on group_members (user_id);

-- What a user is in each tenant. By position: a user's first tenant is the one that is meant where none is named.
create view roles as
  select user_id, tenant_id, max(role) as role, min(position) as position from (
    select user_id, tenant_id, role, position from memberships
    union all
    select m.user_id, g.tenant_id, g.role, 1000000 + g.id from group_members m join user_groups g on g.id = m.group_id
  ) as held group by user_id, tenant_id;

-- Tokens anew: with a scope in place of "restricted", and some without a tenant, which act in any of their user's.
create table new_tokens (
  id integer primary key autoincrement,
  user_id bigint not null references users (id),
  tenant_id bigint references tenants (id),
  hash text not null unique,
  note text not null,
  scope integer not null,
  created_us bigint not null,
  expires_us bigint,
  used_us bigint,
  -- A token that another one made goes with it and lives no longer. A parent goes only together with its children or after
  -- they were given away.
  parent_id bigint references tokens (id)
);
insert into new_tokens (id, user_id, tenant_id, hash, note, scope, created_us, expires_us)
  select t.id, t.user_id, case when u.admin = 1 and t.restricted = 0 then null else t.tenant_id end, t.hash, t.note,
         4 - t.restricted, t.created_us, t.expires_us
  from tokens t join users u on u.id = t.user_id;
create table parents as select id, parent_id from tokens where parent_id is not null;
delete from sqlite_sequence where name = 'new_tokens';
insert into sqlite_sequence (name, seq) select 'new_tokens', seq from sqlite_sequence where name = 'tokens';
update tokens set parent_id = null;
drop table tokens;
alter table new_tokens rename to tokens;
update tokens set parent_id = (select parent_id from parents p where p.id = tokens.id);
drop table parents;
create index tokens_of_user on tokens (user_id);
create index tokens_by_parent on tokens (parent_id);

-- How much a tenant may have of things that cost no compute, and how many tokens one user of it.
alter table tenants add column max_users bigint not null default 1000;
alter table tenants add column max_models bigint not null default 100000;
alter table tenants add column max_datasets bigint not null default 10000;
