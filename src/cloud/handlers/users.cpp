#include "api/resources/users.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/answers.h"
#include "cloud/handlers/handlers.h"
#include "cloud/logins.h"
#include "cloud/names.h"
#include "cloud/people.h"
#include "cloud/tenants.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kDayUs = std::int64_t{86400} * 1000000;

api::User user_with(Database& db, std::int64_t id) {
  api::User user = *db.first(
      "select id, name, admin, created_us from users where id = ?",
      [](const Row& row) {
        return api::User{.id = row.integer(0),
                         .name = row.text(1),
                         .admin = row.integer(2) != 0,
                         .created_at = base::rfc3339(row.integer(3))};
      },
      id);
  user.has_password = db.number("select count(*) from passwords where user_id = ?", id) > 0;
  user.tenants = db.all(
      "select t.name from roles r join tenants t on t.id = r.tenant_id where r.user_id = ? order by r.position",
      [](const Row& row) { return row.text(0); }, id);
  return user;
}

api::Token token_of(const Row& row) {
  api::Token token{.id = row.integer(0),
                   .user = row.text(1),
                   .tenant = row.text(2),
                   .note = row.text(3),
                   .scope = static_cast<api::Role>(row.integer(6)),
                   .made_by = row.optional_integer(7),
                   .created_at = base::rfc3339(row.integer(4))};
  if (!row.null(5)) token.expires_at = base::rfc3339(row.integer(5));
  return token;
}

constexpr std::string_view kTokensWhere =
    "select t.id, u.name, coalesce(n.name, ''), t.note, t.created_us, t.expires_us, t.scope, t.parent_id from tokens t "
    "join users u on u.id = t.user_id left join tenants n on n.id = t.tenant_id where ";

// A manager makes users of the own tenant, an administrator of any.
std::vector<std::int64_t> tenants_of_new(Database& db, const api::Call& call, const api::CreateUser& request) {
  if (request.admin && !call.identity.admin())
    throw Error(Code::permission_denied, "only administrators may make administrators; leave --admin out", "/admin");
  if (request.tenants.empty()) return {call.identity.tenant_id};
  std::vector<std::int64_t> tenants;
  for (std::size_t i = 0; i < request.tenants.size(); ++i) {
    const std::string& named = request.tenants[i];
    const bool own = named == call.identity.tenant || named == std::to_string(call.identity.tenant_id);
    if (!own && !call.identity.admin())
      throw Error(Code::not_found, fmt::format("you manage no tenant '{}'", base::printable(named, 80)),
                  fmt::format("/tenants/{}", i));
    const std::int64_t tenant = own ? call.identity.tenant_id : tenant_id_of(db, named);
    if (std::find(tenants.begin(), tenants.end(), tenant) == tenants.end()) tenants.push_back(tenant);
  }
  return tenants;
}

api::User create(const Parts& parts, const api::Call& call, const api::CreateUser& request) {
  api::User user = parts.store.write([&](Database& db) {
    const std::vector<std::int64_t> tenants = tenants_of_new(db, call, request);
    if (db.number("select count(*) from users where name = ?", request.name) > 0)
      throw Error(
          Code::conflict,
          fmt::format("there is a user '{0}' already; take {0} into your tenant: ncloud member set {0}", request.name),
          "/name");
    const std::int64_t id = db.number("insert into users (name, admin, created_us) values (?, ?, ?) returning id",
                                      request.name, request.admin, base::wall_now_us());
    for (const std::int64_t tenant : tenants) set_role(db, id, tenant, request.role);
    return kept_answer(db, call, user_with(db, id));
  });
  parts.identities.reload();
  return user;
}

void remove(const Parts& parts, const api::Call& call, const api::UserRef& request) {
  parts.store.write([&](Database& db) {
    const std::int64_t id = managed_user_id_of(db, call.identity, request.user);
    if (id == call.identity.user_id)
      throw Error(Code::conflict, "you cannot remove yourself; let another manager or an administrator do it");
    if (!call.identity.admin() && !belongs_only_to(db, id, call.identity.tenant_id))
      throw Error(
          Code::conflict,
          fmt::format("the user belongs to more than your tenant; to remove {0} from yours: ncloud member rm {0}",
                      base::printable(request.user, 80)));
    drop_tokens(db, "user_id", id);
    db.run("delete from answers where user_id = ?", id);
    db.run("delete from memberships where user_id = ?", id);
    db.run("delete from group_members where user_id = ?", id);
    db.run("delete from passwords where user_id = ?", id);
    db.run("delete from users where id = ?", id);
  });
  parts.identities.reload();
}

// The token that makes another one, as it is now.
struct Maker {
  std::optional<std::int64_t> expires_us;
  std::optional<std::int64_t> tenant_id;
  api::Role scope = api::Role::viewer;
};

Maker maker_of(Database& db, const api::Call& call) {
  const auto maker = db.first(
      "select expires_us, tenant_id, scope from tokens where id = ?",
      [](const Row& row) {
        return Maker{row.optional_integer(0), row.optional_integer(1), static_cast<api::Role>(row.integer(2))};
      },
      call.identity.token_id);
  if (!maker) throw Error(Code::unauthenticated, "your token has just been revoked");
  return *maker;
}

// A token gives no more than it has: not a longer life, not another tenant, not an administrator's rights.
std::optional<std::int64_t> expiry_within(const Maker& maker, int days, std::int64_t now) {
  if (days == 0) return maker.expires_us;
  const std::int64_t wanted = now + days * kDayUs;
  if (maker.expires_us && wanted > *maker.expires_us)
    throw Error(
        Code::permission_denied,
        fmt::format("your token ends at {}, and what it makes cannot live longer; leave expires_in_days out, or "
                    "use a token that lives longer",
                    base::rfc3339(*maker.expires_us)),
        "/expires_in_days");
  return wanted;
}

// Who shows a password makes tokens as oneself.
Maker person(Database& db, std::int64_t user) {
  const bool admin = db.number("select admin from users where id = ?", user) != 0;
  return {.scope = admin ? api::Role::admin : api::Role::manager};
}

api::Role scope_within(const Maker& maker, const std::optional<api::Role>& scope) {
  if (scope && *scope > maker.scope)
    throw Error(Code::permission_denied,
                fmt::format("your token's scope is {}, and what it makes cannot have more", base::word(maker.scope)),
                "/scope");
  return scope.value_or(maker.scope);
}

// The one tenant that a token is for; nothing when it is for all of the user's.
std::optional<std::int64_t> tenant_within(Database& db, const Maker& maker, std::int64_t user,
                                          const std::string& reference) {
  if (reference.empty()) return maker.tenant_id;
  const auto id = id_in(reference);
  const std::int64_t found = db.number(
      "select t.id from tenants t join roles r on r.tenant_id = t.id where r.user_id = ? and (t.id = ? or t.name = ?)",
      user, id.value_or(0), reference);
  if (found == 0)
    throw Error(Code::not_found, fmt::format("the user has no tenant '{}'", base::printable(reference, 80)), "/tenant");
  if (maker.tenant_id && *maker.tenant_id != found)
    throw Error(Code::permission_denied,
                fmt::format("your token is for tenant '{}' and makes tokens for that one only; use one of '{}', or ask "
                            "an administrator",
                            db.first(
                                  "select name from tenants where id = ?", [](const Row& row) { return row.text(0); },
                                  *maker.tenant_id)
                                .value_or(""),
                            base::printable(reference.substr(0, 80))),
                "/tenant");
  return found;
}

api::Token create_token(const Parts& parts, const api::Call& call, const api::CreateToken& request) {
  const bool by_password = !request.password.empty();
  if (by_password && !parts.logins.is_right(call.identity.user, request.password, call.address))
    throw Error(Code::unauthenticated, "the password is not yours", "/password");
  const std::string secret = new_secret();
  api::Token token = parts.store.write([&](Database& db) {
    std::int64_t user = call.identity.user_id;
    if (!request.user.empty() && request.user != call.identity.user &&
        request.user != std::to_string(call.identity.user_id)) {
      if (!call.identity.admin()) throw no_such_user(request.user);  // says nothing about who exists
      user = user_id_of(db, request.user);
    }
    if (by_password && user != call.identity.user_id)
      throw Error(Code::invalid_argument, "with your password you make tokens of your own; leave it out, or user",
                  "/password");
    const Maker maker = by_password ? person(db, user) : maker_of(db, call);
    const auto tenant = tenant_within(db, maker, user, request.tenant);
    const api::Role scope = scope_within(maker, request.scope);
    const std::int64_t now = base::wall_now_us();
    const auto expires = expiry_within(maker, request.expires_in_days, now);
    std::optional<std::int64_t> parent;
    if (!by_password) parent = call.identity.token_id;
    db.run("delete from tokens where expires_us <= ?", now);  // with those they made, which end no later
    const std::int64_t held = db.number("select count(*) from tokens where user_id = ?", user);
    const std::int64_t most = db.number(
        "select coalesce(max(t.max_tokens), 10) from tenants t join roles r on r.tenant_id = t.id where r.user_id = ?",
        user);
    if (held >= most)
      throw Error(Code::over_allotment,
                  fmt::format("the user has {} tokens and may have {}; revoke some (ncloud token ls), or ask an "
                              "administrator for more: ncloud tenant limit",
                              held, most));
    const std::int64_t id = db.number(
        "insert into tokens (user_id, tenant_id, hash, note, created_us, expires_us, parent_id, scope) values (?, ?, "
        "?, ?, "
        "?, ?, ?, ?) returning id",
        user, tenant, hash_of_secret(secret), request.note, now, expires, parent, static_cast<int>(scope));
    api::Token made = *db.first(fmt::format("{}t.id = ?", kTokensWhere), token_of, id);
    made.token = secret;
    return kept_answer(db, call, std::move(made));
  });
  parts.identities.reload();
  return token;
}

// A token and all that it made, and that these made.
constexpr std::string_view kFamily =
    "with recursive family (id) as (select id from tokens where id = ? union select t.id from tokens t join family f "
    "on "
    "t.parent_id = f.id) ";

// Errors: conflict when nobody could administrate any more, or others could not work.
void check_revocation(Database& db, const api::RevokeToken& request, std::int64_t owner) {
  constexpr std::string_view kAdmins =
      "from tokens t join users u on u.id = t.user_id where u.admin = 1 and t.scope = 4 and (t.expires_us is null "
      "or t.expires_us > ?)";
  const std::int64_t now = base::wall_now_us();
  const auto admins = [&](std::string_view which) {
    return db.number(fmt::format("{}select count(*) {} and t.id {} (select id from family)", kFamily, kAdmins, which),
                     request.token, now);
  };
  if (admins("in") > 0 && admins("not in") == 0)
    throw Error(Code::conflict,
                fmt::format("token {} is the last one with the rights of an administrator; make another first, or "
                            "revoke it with --force and make one on the server's machine: ncloudd --new-admin-token",
                            request.token));
  const auto users = db.all(
      fmt::format("{}select distinct u.name from tokens t join users u on u.id = t.user_id where t.id in (select id "
                  "from family) and t.user_id <> ? order by u.name limit 4",
                  kFamily),
      [](const Row& row) { return row.text(0); }, request.token, owner);
  if (!users.empty())
    throw Error(Code::conflict,
                fmt::format("tokens of other users that token {} made go with it ({}{}); keep them with "
                            "--keep-made, or revoke them too with --force",
                            request.token, fmt::join(users, ", "), users.size() > 3 ? ", …" : ""));
}

void revoke(const Parts& parts, const api::Call& call, const api::RevokeToken& request) {
  parts.store.write([&](Database& db) {
    const std::int64_t owner = db.number("select user_id from tokens where id = ?", request.token);
    if (owner == 0 || (owner != call.identity.user_id && !call.identity.admin()))
      throw Error(Code::not_found, fmt::format("no token {}; see: ncloud token ls", request.token));
    if (request.keep_made)  // whoever made this one answers for them from now on
      db.run(
          fmt::format("{}update tokens set parent_id = (select parent_id from tokens where id = ?) where user_id <> ? "
                      "and parent_id in (select f.id from family f join tokens t on t.id = f.id where t.user_id = ?)",
                      kFamily),
          request.token, request.token, owner, owner);
    if (!request.force) check_revocation(db, request, owner);
    drop_families(db, "id = ?", request.token);
  });
  parts.identities.reload();
}

void end_session(const Parts& parts, const api::Call& call) {
  parts.store.write([&](Database& db) {
    if (db.number("select session from tokens where id = ?", call.identity.token_id) == 0)
      throw Error(Code::conflict,
                  fmt::format("you use token {}, which no login made; revoke it: ncloud token revoke {}",
                              call.identity.token_id, call.identity.token_id));
    drop_families(db, "id = ?", call.identity.token_id);
  });
  parts.identities.reload();
}

}  // namespace

void handle_users(api::Router& router, Parts parts) {
  router.handle(api::create_user, [parts](const api::Call& call, const api::CreateUser& request) {
    return create(parts, call, request);
  });
  router.handle(api::list_users, [parts](const api::Call& call, const api::PageRequest& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    return parts.store.read([&](Database& db) {
      const auto ids = db.all(
          "select id from users u where id < ? and (? = 1 or exists (select 1 from roles where user_id = u.id and "
          "tenant_id = ?)) order by id desc limit ?",
          [](const Row& row) { return row.integer(0); }, before, call.identity.admin(), call.identity.tenant_id,
          request.page_size + 1);
      std::vector<api::User> users;
      for (const std::int64_t id : ids) users.push_back(user_with(db, id));
      return page_of(std::move(users), request.page_size, [](const api::User& user) { return user.id; });
    });
  });
  router.handle(api::get_user, [parts](const api::Call& call, const api::UserRef& request) {
    return parts.store.read(
        [&](Database& db) { return user_with(db, managed_user_id_of(db, call.identity, request.user)); });
  });
  router.handle(api::delete_user, [parts](const api::Call& call, const api::UserRef& request) {
    remove(parts, call, request);
    return api::Nothing{};
  });
  router.handle(api::create_token, [parts](const api::Call& call, const api::CreateToken& request) {
    return create_token(parts, call, request);
  });
  router.handle(api::list_tokens, [parts](const api::Call& call, const api::PageRequest& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    return parts.store.read([&](Database& db) {
      auto tokens =
          db.all(fmt::format("{}t.id < ? and (? = 1 or t.user_id = ?) order by t.id desc limit ?", kTokensWhere),
                 token_of, before, call.identity.admin(), call.identity.user_id, request.page_size + 1);
      for (api::Token& token : tokens)
        if (const auto used_us = parts.identities.last_use_us(token.id)) token.used_at = base::rfc3339(*used_us);
      return page_of(std::move(tokens), request.page_size, [](const api::Token& token) { return token.id; });
    });
  });
  router.handle(api::revoke_token, [parts](const api::Call& call, const api::RevokeToken& request) {
    revoke(parts, call, request);
    return api::Nothing{};
  });
  router.handle(api::log_in, [parts](const api::Call& call, const api::LogIn& request) {
    return parts.logins.log_in(call, request);
  });
  router.handle(api::log_out, [parts](const api::Call& call, const api::Nothing&) {
    end_session(parts, call);
    return api::Nothing{};
  });
  router.handle(api::set_password, [parts](const api::Call& call, const api::SetPassword& request) {
    return parts.logins.set_password(call, request);
  });
  router.handle(api::get_caller, [parts](const api::Call& call, const api::Nothing&) {
    const api::Identity& caller = call.identity;
    return api::Caller{
        .user = caller.user,
        .tenant = caller.tenant,
        .role = caller.role,
        .admin = caller.admin(),
        .tenants = parts.store.read([&](Database& db) { return user_with(db, caller.user_id).tenants; })};
  });
}

}  // namespace cloud
