-- What holds or wants resources: one row from the request to the end, whatever it is for. A claim waits while held_us is null.
create table claims (
  id integer primary key autoincrement,
  kind text not null,
  owner bigint not null,  -- of a training or deployment: the model
  tenant_id bigint not null references tenants (id),
  cpus integer not null,
  memory_bytes bigint not null,
  since_us bigint not null,  -- its place in the tenant's queue
  held_us bigint,
  unique (kind, owner)
);
create index claims_of_tenant on claims (tenant_id);

insert into claims (kind, owner, tenant_id, cpus, memory_bytes, since_us, held_us)
  select 'training', id, tenant_id, cpus, memory_bytes, queued_us, case when state = 'running' then queued_us end
  from models where state in ('queued', 'running');
insert into claims (kind, owner, tenant_id, cpus, memory_bytes, since_us, held_us)
  select 'deployment', id, tenant_id, deploy_cpus, deploy_memory_bytes, queued_us,
    case when state <> 'deploying' or holds = 1 then queued_us end
  from models where state in ('deploying', 'deployed', 'undeploying');

alter table models drop column deploy_cpus;
alter table models drop column deploy_memory_bytes;
alter table models drop column holds;
alter table models drop column queued_us;
