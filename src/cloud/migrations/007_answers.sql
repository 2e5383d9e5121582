-- What operations that create have answered, by the caller's Idempotency-Key, written in the transaction that created.
-- Neither the key nor the answer (which may hold a token's secret) is readable here: see answers.h.
create table answers (
  user_id bigint not null,
  tenant_id bigint not null,
  key_hash text not null,
  fingerprint text not null,
  answer text not null,
  created_us bigint not null,
  primary key (user_id, tenant_id, key_hash)
);
create index answers_by_age on answers (user_id, tenant_id, created_us);
