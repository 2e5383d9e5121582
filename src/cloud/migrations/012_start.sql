-- The checkpoint of another model whose weights a training begins with, until it has one of its own.
alter table models add column start_sha256 text references objects (sha256);
