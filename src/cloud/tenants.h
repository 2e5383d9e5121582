#pragma once
#include <string_view>

#include "api/resources/tenants.h"
#include "cloud/machine.h"
#include "cloud/store.h"

namespace cloud {

/// Every function: inside a transaction. Errors: not_found.
std::int64_t tenant_id_of(Database& db, std::string_view reference);
api::Tenant tenant_with(Database& db, std::int64_t id);

/// Gives the tenant that takes the rest what no other is allotted. Call after anything that changes allotments.
void share_rest(Database& db, const Machine& machine);

/// What a tenant may use and what its models hold now.
api::Resources resources_of(Database& db, std::int64_t tenant_id);

/// What there may be so many of in a tenant, by the columns of their limits.
enum class Counted { users, models, datasets, volumes };

/// Errors: over_allotment when the tenant has as many as it may have. `other_than` (an id) does not count.
void check_count(Database& db, std::int64_t tenant_id, Counted what, std::int64_t other_than = 0);

/// What a tenant may store and stores: its datasets, volumes and checkpoints, each counted as if nobody else had it.
struct Storage {
  std::int64_t limit_bytes = 0;  ///< 0: none
  std::int64_t used_bytes = 0;
};
Storage storage_of(Database& db, std::int64_t tenant_id);

/// Errors: over_allotment when the tenant would store more than it may with `more_bytes` more (at least one).
void check_storage(Database& db, std::int64_t tenant_id, std::int64_t more_bytes);

}  // namespace cloud
