-- Who did what to what, refusals included. Names and not references: people and things go, and what they did stays.
create table history (
  id integer primary key autoincrement,
  at_us bigint not null,
  tenant_id bigint not null,
  tenant text not null,
  user_name text not null,
  token_id bigint not null,
  address text not null,
  request_id text not null,
  operation text not null,
  target text not null,
  request text not null,
  outcome text not null,
  reason text not null,
  -- Of each kind so many stay, so that a flood of refused calls pushes out nothing that was done.
  refused integer not null
);
create index history_of_tenant on history (tenant_id, id);
create index history_by_kind on history (refused, id);
