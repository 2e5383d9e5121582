-- Within a tenant: claims of a higher one stand before others in the queue.
alter table claims add column priority integer not null default 0;
alter table models add column priority integer not null default 0;
