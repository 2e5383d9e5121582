#include "api/permission.h"

namespace api {
namespace {

bool is_enough(std::optional<Role> role, Permission permission) {
  switch (permission) {
    case Permission::anyone:
    case Permission::signed_in: return true;
    case Permission::viewer: return role >= Role::viewer;
    case Permission::member: return role >= Role::member;
    case Permission::manager: return role >= Role::manager;
    case Permission::admin: return role == Role::admin;
  }
  return false;
}

}  // namespace

Verdict may(const Identity& caller, Permission permission, std::optional<std::int64_t> tenant_id) {
  if (permission == Permission::anyone) return Verdict::allowed;
  if (caller.user_id == 0) return Verdict::refused;
  if (tenant_id && *tenant_id != caller.tenant_id && !caller.admin()) return Verdict::hidden;
  return is_enough(caller.role, permission) ? Verdict::allowed : Verdict::refused;
}

}  // namespace api
