#include "cloud/people.h"

#include "base/log.h"
#include "cloud/identity.h"
#include "cloud/names.h"
#include "cloud/tenants.h"

namespace cloud {

using base::Code;
using base::Error;

Error no_such_user(std::string_view reference) {
  return Error(Code::not_found, fmt::format("no user '{}'", base::printable(reference, 80)));
}

std::int64_t user_id_of(Database& db, std::string_view reference) {
  const auto id = id_in(reference);
  const std::int64_t found = id ? db.number("select id from users where id = ?", *id)
                                : db.number("select id from users where name = ?", reference);
  if (found == 0) throw no_such_user(reference);
  return found;
}

std::int64_t managed_user_id_of(Database& db, const api::Identity& caller, std::string_view reference) {
  const std::int64_t id = user_id_of(db, reference);
  if (!caller.admin() &&
      db.number("select count(*) from roles where user_id = ? and tenant_id = ?", id, caller.tenant_id) == 0)
    throw no_such_user(reference);
  return id;
}

bool belongs_only_to(Database& db, std::int64_t user_id, std::int64_t tenant_id) {
  return db.number("select admin from users where id = ?", user_id) == 0 &&
         db.number("select count(*) from roles where user_id = ? and tenant_id <> ?", user_id, tenant_id) == 0;
}

void set_role(Database& db, std::int64_t user_id, std::int64_t tenant_id, api::Role role) {
  if (role == api::Role::admin)
    throw Error(Code::invalid_argument,
                "role: expected viewer, member or manager; administrators are no role of a tenant but of the cloud: "
                "ncloud user add --admin",
                "/role");
  check_count(db, tenant_id, Counted::users, user_id);
  db.run(
      "insert into memberships (user_id, tenant_id, position, role) values (?, ?, (select coalesce(max(position), -1) "
      "+ "
      "1 from memberships where user_id = ?), ?) on conflict (user_id, tenant_id) do update set role = excluded.role",
      user_id, tenant_id, user_id, static_cast<int>(role));
}

void drop_tokens_for(Database& db, std::int64_t user_id, std::int64_t tenant_id) {
  if (db.number("select count(*) from roles where user_id = ? and tenant_id = ?", user_id, tenant_id) > 0) return;
  // What these tokens made for others stays, under nobody.
  db.run(
      "update tokens set parent_id = null where user_id <> ? and parent_id in (select id from tokens where user_id = ? "
      "and tenant_id = ?)",
      user_id, user_id, tenant_id);
  drop_families(db, "user_id = ? and tenant_id = ?", user_id, tenant_id);
}

}  // namespace cloud
