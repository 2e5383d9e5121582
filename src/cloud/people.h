#pragma once
#include <cstdint>
#include <string_view>

#include "api/permission.h"
#include "base/error.h"
#include "cloud/store.h"

namespace cloud {

// Users and what they are in tenants. Every function: inside a transaction.

/// Whether or not there is such a user, of those the caller may not see.
base::Error no_such_user(std::string_view reference);

/// Any user there is. Errors: not_found.
std::int64_t user_id_of(Database& db, std::string_view reference);

/// A user whom the caller looks after: an administrator everybody, a manager those of the tenant. Errors: not_found.
std::int64_t managed_user_id_of(Database& db, const api::Identity& caller, std::string_view reference);

/// Whether the user belongs to this tenant alone and is no administrator: a manager of it answers for the user.
bool belongs_only_to(Database& db, std::int64_t user_id, std::int64_t tenant_id);

/// Gives the user a role of its own in the tenant, in place of the one it may have. Errors: invalid_argument for admin,
/// which is no role of a tenant; over_allotment.
void set_role(Database& db, std::int64_t user_id, std::int64_t tenant_id, api::Role role);

/// After a user lost a role: the user's tokens for a tenant to which the user belongs no more go.
void drop_tokens_for(Database& db, std::int64_t user_id, std::int64_t tenant_id);

}  // namespace cloud
