#include "cloud/tenants.h"

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/claims.h"
#include "cloud/names.h"

namespace cloud {

std::int64_t tenant_id_of(Database& db, std::string_view reference) {
  const auto id = id_in(reference);
  const std::int64_t found = id ? db.number("select id from tenants where id = ?", *id)
                                : db.number("select id from tenants where name = ?", reference);
  if (found == 0)
    throw base::Error(base::Code::not_found,
                      fmt::format("no tenant '{}'; see: ncloud tenant ls", base::printable(reference, 80)));
  return found;
}

api::Tenant tenant_with(Database& db, std::int64_t id) {
  api::Tenant tenant = *db.first(
      "select id, name, created_us, cpus, memory_bytes, takes_rest from tenants where id = ?",
      [](const Row& row) {
        return api::Tenant{.id = row.integer(0),
                           .name = row.text(1),
                           .created_at = base::rfc3339(row.integer(2)),
                           .cpus = row.real(3),
                           .memory_bytes = row.integer(4),
                           .takes_rest = row.integer(5) != 0};
      },
      id);
  db.each(
      "select disk_bytes, max_users, max_tokens, max_models, max_datasets, max_volumes from tenants where id = ?",
      [&](const Row& row) {
        tenant.disk_bytes = row.integer(0);
        tenant.max_users = row.integer(1);
        tenant.max_tokens = row.integer(2);
        tenant.max_models = row.integer(3);
        tenant.max_datasets = row.integer(4);
        tenant.max_volumes = row.integer(5);
      },
      id);
  return tenant;
}

void check_count(Database& db, std::int64_t tenant_id, Counted what, std::int64_t other_than) {
  struct Kind {
    std::string_view name, remove, count;
  };
  const Kind kind =
      what == Counted::users
          ? Kind{"user", "ncloud member rm", "select count(*) from roles where tenant_id = ? and user_id <> ?"}
      : what == Counted::models
          ? Kind{"model", "ncloud model rm", "select count(*) from models where tenant_id = ? and id <> ?"}
      : what == Counted::volumes
          ? Kind{"volume", "ncloud volume rm", "select count(*) from volumes where tenant_id = ? and id <> ?"}
          : Kind{"dataset", "ncloud dataset rm", "select count(*) from datasets where tenant_id = ? and id <> ?"};
  const std::int64_t held = db.number(kind.count, tenant_id, other_than);
  const std::int64_t most = db.number(fmt::format("select max_{}s from tenants where id = ?", kind.name), tenant_id);
  if (held < most) return;
  throw base::Error(
      base::Code::over_allotment,
      fmt::format("the tenant has {} and may have {}; remove some ({}), or ask an administrator for more: "
                  "ncloud tenant limit",
                  base::counted(held, kind.name), most, kind.remove));
}

Storage storage_of(Database& db, std::int64_t tenant_id) {
  return {.limit_bytes = db.number("select disk_bytes from tenants where id = ?", tenant_id),
          .used_bytes =
              db.number("select coalesce(sum(s.size_bytes), 0) from shards s join datasets d on d.id = "
                        "s.dataset_id where d.tenant_id = ?",
                        tenant_id) +
              db.number("select coalesce(sum(size_bytes), 0) from (select f.size_bytes from volume_files f join "
                        "volumes v on v.id = f.volume_id where v.tenant_id = ? union all select p.size_bytes from "
                        "volume_pieces p join volumes v on v.id = p.volume_id where v.tenant_id = ?) as held",
                        tenant_id, tenant_id) +
              db.number("select coalesce(sum(coalesce(checkpoint_bytes, 0) + coalesce(previous_bytes, 0)), 0) "
                        "from models where tenant_id = ?",
                        tenant_id)};
}

void check_storage(Database& db, std::int64_t tenant_id, std::int64_t more_bytes) {
  if (db.number("select disk_bytes from tenants where id = ?", tenant_id) == 0) return;
  const Storage storage = storage_of(db, tenant_id);
  if (more_bytes <= storage.limit_bytes - storage.used_bytes) return;
  throw base::Error(base::Code::over_allotment,
                    fmt::format("tenant '{}' may store {} and stores {}; remove datasets (ncloud dataset rm), volumes "
                                "(ncloud volume rm) or models (ncloud model rm), or ask an administrator for more: "
                                "ncloud resource allot --disk",
                                tenant_with(db, tenant_id).name, base::size_text(storage.limit_bytes),
                                base::size_text(storage.used_bytes)));
}

void share_rest(Database& db, const Machine& machine) {
  const std::int64_t cpus = machine.cpus - db.number("select coalesce(sum(cpus), 0) from tenants where takes_rest = 0");
  const std::int64_t memory =
      machine.memory_bytes - db.number("select coalesce(sum(memory_bytes), 0) from tenants where takes_rest = 0");
  const std::int64_t rest_cpus = std::max<std::int64_t>(0, cpus), rest_memory = std::max<std::int64_t>(0, memory);
  // Touches nothing when nothing changes, so that a start on a full disk need not write.
  db.run("update tenants set cpus = ?, memory_bytes = ? where takes_rest = 1 and (cpus <> ? or memory_bytes <> ?)",
         rest_cpus, rest_memory, rest_cpus, rest_memory);
}

api::Resources resources_of(Database& db, std::int64_t tenant_id) {
  const api::Tenant tenant = tenant_with(db, tenant_id);
  api::Resources resources{
      .tenant = tenant.name, .cpus = static_cast<int>(tenant.cpus), .memory_bytes = tenant.memory_bytes};
  for (const Claim& claim : claims_of(db, tenant_id)) {
    if (!claim.holds) {
      ++resources.jobs_queued;
      continue;
    }
    ++resources.jobs_running;
    resources.cpus_used += claim.cpus;
    resources.memory_used_bytes += claim.memory_bytes;
  }
  const Storage storage = storage_of(db, tenant_id);
  resources.disk_bytes = storage.limit_bytes;
  resources.disk_used_bytes = storage.used_bytes;
  return resources;
}

}  // namespace cloud
