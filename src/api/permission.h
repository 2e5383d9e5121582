#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace api {

/// What one may do in a tenant; each may also do what those before it may. An administrator runs the cloud and is one
/// in every tenant.
enum class Role { viewer = 1, member, manager, admin };
constexpr auto enumerators(Role) {
  return std::array{std::pair{Role::viewer, "viewer"}, std::pair{Role::member, "member"},
                    std::pair{Role::manager, "manager"}, std::pair{Role::admin, "admin"}};
}

/// Who may call an operation.
enum class Permission {
  anyone,     ///< no token needed
  signed_in,  ///< any valid token, also of who has no tenant
  viewer,     ///< sees what the tenant has and asks its deployed models
  member,     ///< uploads, trains, deploys
  manager,    ///< looks after the tenant's people
  admin,      ///< looks after tenants, machines and everybody
};
constexpr auto enumerators(Permission) {
  return std::array{std::pair{Permission::anyone, "anyone"},   std::pair{Permission::signed_in, "signed_in"},
                    std::pair{Permission::viewer, "viewer"},   std::pair{Permission::member, "member"},
                    std::pair{Permission::manager, "manager"}, std::pair{Permission::admin, "admin"}};
}

/// Who calls, in which tenant, as the daemon's authentication found out.
struct Identity {
  std::int64_t user_id = 0;
  std::int64_t tenant_id = 0;  ///< 0: none
  std::int64_t token_id = 0;
  std::optional<Role> role;  ///< in the tenant, no wider than the token's scope; nothing without a tenant
  std::string user;
  std::string tenant;

  bool admin() const { return role == Role::admin; }
};

enum class Verdict {
  allowed,
  refused,  ///< knows that it is there and may not
  hidden,   ///< is not to learn that it is there
};

/// May the caller do what needs `permission` to something of tenant `tenant_id` (nothing: of the call's own tenant)?
/// Every operation is asked this before its handler runs, and every handler that finds something by a name asks it
/// again with whose that is.
Verdict may(const Identity& caller, Permission permission, std::optional<std::int64_t> tenant_id = {});

}  // namespace api
