-- The job that trains a model (Order::id), which may outlive the daemon, and the last of its numbered events whose effects
-- are in this row.
alter table models add column job text not null default '';
alter table models add column job_event bigint not null default 0;
