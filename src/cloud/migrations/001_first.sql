-- The dialect is what SQLite and PostgreSQL share. The one exception is the key of a resource: an id is never given twice,
-- which SQLite spells `autoincrement` and PostgreSQL `generated always as identity`. Times are microseconds since 1970, UTC.

create table tenants (
  id integer primary key autoincrement,
  name text not null unique,
  cpus integer not null default 0,
  memory_bytes bigint not null default 0,
  created_us bigint not null
);

create table users (
  id integer primary key autoincrement,
  name text not null unique,
  admin integer not null,
  created_us bigint not null
);

create table memberships (
  user_id bigint not null references users (id),
  tenant_id bigint not null references tenants (id),
  position integer not null,
  primary key (user_id, tenant_id)
);

-- The secret itself is nowhere; hash is its SHA-256.
create table tokens (
  id integer primary key autoincrement,
  user_id bigint not null references users (id),
  tenant_id bigint not null references tenants (id),
  hash text not null unique,
  note text not null,
  created_us bigint not null,
  expires_us bigint
);
create index tokens_of_user on tokens (user_id);

-- Files of the object store that something refers to. A file without a row is garbage.
create table objects (
  sha256 text primary key,
  size_bytes bigint not null,
  reference_count bigint not null check (reference_count > 0)
);

create table datasets (
  id integer primary key autoincrement,
  tenant_id bigint not null references tenants (id),
  name text not null,
  state text not null,
  record_count bigint not null,
  types text not null,
  labels text not null,
  manifest_sha256 text not null,
  created_us bigint not null,
  unique (tenant_id, name)
);

create table shards (
  dataset_id bigint not null references datasets (id),
  first_record bigint not null,
  record_count bigint not null,
  size_bytes bigint not null,
  sha256 text not null references objects (sha256),
  primary key (dataset_id, first_record)
);

create table models (
  id integer primary key autoincrement,
  tenant_id bigint not null references tenants (id),
  owner text not null,
  name text not null,
  state text not null,
  reason text not null default '',
  filename text not null,
  yaml text not null,
  labels text not null,
  epochs bigint not null,
  epochs_completed bigint not null default 0,
  batch_size bigint,
  seed bigint not null,
  cpus integer not null,
  memory_bytes bigint not null,
  train_cost double precision,
  eval_cost double precision,
  metrics text not null default '{}',
  restarts integer not null default 0,
  crashes_since_checkpoint integer not null default 0,
  stop_requested integer not null default 0,
  checkpoint_sha256 text references objects (sha256),
  checkpoint_bytes bigint,
  checkpoint_epochs bigint not null default 0,
  -- What a deployment holds, and the state to return to when it ends.
  deploy_cpus integer not null default 0,
  deploy_memory_bytes bigint not null default 0,
  rest_state text not null default '',
  -- While deploying: whether it has its resources (1) or waits for them (0).
  holds integer not null default 0,
  -- Place in the tenant's queue: when it was last submitted, resumed or deployed.
  queued_us bigint not null,
  created_us bigint not null,
  started_us bigint,
  ended_us bigint
);
create index models_of_tenant on models (tenant_id, state);

create table model_datasets (
  model_id bigint not null references models (id),
  position integer not null,
  role text not null,
  name text not null,
  dataset_id bigint references datasets (id),  -- null once the dataset is removed
  primary key (model_id, position)
);
create index uses_of_dataset on model_datasets (dataset_id);
