-- What a model finds in its trainings beside the datasets.
create table model_volumes (
  model_id bigint not null references models (id),
  position integer not null,
  volume_id bigint references volumes (id),  -- null once the volume is removed
  name text not null,
  place text not null,
  read_only integer not null,
  primary key (model_id, position)
);
create index uses_of_volume on model_volumes (volume_id);
