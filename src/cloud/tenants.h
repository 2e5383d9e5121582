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

}  // namespace cloud
