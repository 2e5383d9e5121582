#include "cloud/claims.h"

#include "base/clock.h"

namespace cloud {
namespace {

constexpr std::string_view kColumns = "kind, owner, tenant_id, cpus, memory_bytes, priority, since_us, held_us";

Claim claim_in(const Row& row) {
  return {.kind = base::decode<ClaimKind>(base::json::value(row.text(0))),
          .owner = row.integer(1),
          .tenant = row.integer(2),
          .cpus = static_cast<int>(row.integer(3)),
          .memory_bytes = row.integer(4),
          .priority = static_cast<int>(row.integer(5)),
          .since_us = row.integer(6),
          .holds = !row.null(7)};
}

}  // namespace

std::optional<Claim> claim_of(Database& db, std::int64_t model) {
  static const std::string sql = fmt::format("select {} from claims where owner = ?", kColumns);
  return db.first(sql, claim_in, model);
}

std::vector<Claim> claims_of(Database& db, std::int64_t tenant) {
  static const std::string sql = fmt::format("select {} from claims where ? in (0, tenant_id)", kColumns);
  return db.all(sql, claim_in, tenant);
}

void queue_up(Database& db, const Claim& wanted) {
  db.run(
      "insert into claims (kind, owner, tenant_id, cpus, memory_bytes, priority, since_us) values (?, ?, ?, ?, ?, ?, "
      "?)",
      wanted.kind, wanted.owner, wanted.tenant, wanted.cpus, wanted.memory_bytes, wanted.priority, wanted.since_us);
}

void hold(Database& db, std::int64_t model) {
  db.run("update claims set held_us = ? where owner = ? and held_us is null", base::wall_now_us(), model);
}

void wait_again(Database& db, std::int64_t model) { db.run("update claims set held_us = null where owner = ?", model); }

void give_back(Database& db, std::int64_t model) { db.run("delete from claims where owner = ?", model); }

}  // namespace cloud
