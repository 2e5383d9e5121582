-- Argon2id, with its salt and its cost in the text. Who has none cannot log in.
create table passwords (
  user_id bigint primary key references users (id),
  hash text not null,
  changed_us bigint not null
);

-- A token that a login made; a change of the password ends it.
alter table tokens add column session integer not null default 0;
