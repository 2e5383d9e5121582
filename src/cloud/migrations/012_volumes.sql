-- Files that no manifest fits. A path is a text here and never one of the server's: the bytes are objects.
create table volumes (
  id integer primary key autoincrement,
  tenant_id bigint not null references tenants (id),
  name text not null,
  -- Counts the changes of its files.
  version bigint not null default 0,
  created_us bigint not null,
  changed_us bigint not null,
  unique (tenant_id, name)
);
create table volume_files (
  id integer primary key autoincrement,
  volume_id bigint not null references volumes (id),
  path text not null,
  size_bytes bigint not null,
  sha256 text not null references objects (sha256),
  version bigint not null,  -- of the volume, in which the file became what it is
  unique (volume_id, path)
);
create index contents_of_volume on volume_files (volume_id, sha256);
-- What has arrived for files that a later change makes of it.
create table volume_pieces (
  volume_id bigint not null references volumes (id),
  sha256 text not null references objects (sha256),
  size_bytes bigint not null,
  arrived_us bigint not null,
  primary key (volume_id, sha256)
);
alter table tenants add column max_volumes bigint not null default 1000;
