#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace cloud {

class Database;

/// The number when `reference` is an id, nothing when it is a name.
std::optional<std::int64_t> id_in(std::string_view reference);

/// What tenants have under names of their own: its table, and what people call it (and `ncloud WHAT ls` lists).
struct Named {
  std::string_view table, what;
};

/// The number of one of the tenant's, which `reference` names or numbers. Errors: not_found, also for a foreign one.
std::int64_t named_id_of(Database& db, const Named& kind, std::int64_t tenant_id, std::string_view reference);

}  // namespace cloud
