#include "api/resources/users.h"

#include <fmt/ranges.h>

#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/answers.h"
#include "cloud/handlers/handlers.h"
#include "cloud/names.h"
#include "cloud/tenants.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kDayUs = std::int64_t{86400} * 1000000;

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
  user.tenants = db.all(
      "select t.name from memberships m join tenants t on t.id = m.tenant_id where m.user_id = ? order by m.position",
      [](const Row& row) { return row.text(0); }, id);
  return user;
}

api::Token token_of(const Row& row) {
  api::Token token{.id = row.integer(0),
                   .user = row.text(1),
                   .tenant = row.text(2),
                   .note = row.text(3),
                   .restricted = row.integer(6) != 0,
                   .made_by = row.optional_integer(7),
                   .created_at = base::rfc3339(row.integer(4))};
  if (!row.null(5)) token.expires_at = base::rfc3339(row.integer(5));
  return token;
}

constexpr std::string_view kTokensWhere =
    "select t.id, u.name, n.name, t.note, t.created_us, t.expires_us, t.restricted, t.parent_id from tokens t join "
    "users u "
    "on u.id = t.user_id join tenants n on n.id = t.tenant_id where ";

api::User create(const Parts& parts, const api::Call& call, const api::CreateUser& request) {
  return parts.store.write([&](Database& db) {
    if (db.number("select count(*) from users where name = ?", request.name) > 0)
      throw Error(Code::conflict, fmt::format("there is a user '{}' already", request.name), "/name");
    const std::int64_t id = db.number("insert into users (name, admin, created_us) values (?, ?, ?) returning id",
                                      request.name, request.admin, base::wall_now_us());
    std::set<std::int64_t> seen;
    int position = 0;
    for (const std::string& reference : request.tenants) {
      const std::int64_t tenant = tenant_id_of(db, reference);
      if (seen.insert(tenant).second)
        db.run("insert into memberships (user_id, tenant_id, position) values (?, ?, ?)", id, tenant, position++);
    }
    return kept_answer(db, call, user_with(db, id));
  });
}

void remove(const Parts& parts, const api::Call& call, const api::UserRef& request) {
  parts.store.write([&](Database& db) {
    const std::int64_t id = user_id_of(db, request.user);
    if (id == call.identity.user_id)
      throw Error(Code::conflict, "you cannot remove yourself; let another administrator do it");
    drop_tokens(db, "user_id", id);
    db.run("delete from answers where user_id = ?", id);
    db.run("delete from memberships where user_id = ?", id);
    db.run("delete from users where id = ?", id);
  });
  parts.identities.reload();
}

// The tenant a token acts in: the named one of the user's own, or the first.
std::int64_t tenant_for_token(Database& db, std::int64_t user_id, const std::string& reference) {
  if (reference.empty()) {
    const std::int64_t first =
        db.number("select tenant_id from memberships where user_id = ? order by position limit 1", user_id);
    if (first == 0) throw Error(Code::not_found, "the user belongs to no tenant");
    return first;
  }
  const auto id = id_in(reference);
  const std::int64_t found = db.number(
      "select t.id from tenants t join memberships m on m.tenant_id = t.id where m.user_id = ? and (t.id = ? or t.name "
      "= ?)",
      user_id, id.value_or(0), reference);
  if (found == 0)
    throw Error(Code::not_found, fmt::format("the user has no tenant '{}'", base::printable(reference, 80)), "/tenant");
  return found;
}

// The token that makes another one, as it is now.
struct Maker {
  std::optional<std::int64_t> expires_us;
  bool restricted = false;
};

Maker maker_of(Database& db, const api::Call& call) {
  const auto maker = db.first(
      "select expires_us, restricted from tokens where id = ?",
      [](const Row& row) { return Maker{row.optional_integer(0), row.integer(1) != 0}; }, call.identity.token_id);
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

std::int64_t tenant_within(Database& db, const api::Call& call, std::int64_t user, const std::string& reference) {
  if (user == call.identity.user_id && reference.empty()) return call.identity.tenant_id;
  const std::int64_t tenant = tenant_for_token(db, user, reference);
  if (tenant != call.identity.tenant_id && !call.identity.admin)
    throw Error(
        Code::permission_denied,
        fmt::format("your token acts in tenant '{}' and makes tokens for that one only; use one of '{}', or ask "
                    "an administrator",
                    call.identity.tenant, base::printable(reference.substr(0, 80))),
        "/tenant");
  return tenant;
}

api::Token create_token(const Parts& parts, const api::Call& call, const api::CreateToken& request) {
  const std::string secret = new_secret();
  api::Token token = parts.store.write([&](Database& db) {
    std::int64_t user = call.identity.user_id;
    if (!request.user.empty() && request.user != call.identity.user &&
        request.user != std::to_string(call.identity.user_id)) {
      if (!call.identity.admin) throw no_such_user(request.user);  // says nothing about who exists
      user = user_id_of(db, request.user);
    }
    const Maker maker = maker_of(db, call);
    const std::int64_t tenant = tenant_within(db, call, user, request.tenant);
    const std::int64_t now = base::wall_now_us();
    const auto expires = expiry_within(maker, request.expires_in_days, now);
    db.run("delete from tokens where expires_us <= ?", now);  // with those they made, which end no later
    const std::int64_t held = db.number("select count(*) from tokens where user_id = ?", user);
    if (held >= kMaxTokens)
      throw Error(
          Code::over_allotment,
          fmt::format("the user has {} tokens, which is as many as one may have; revoke some: ncloud token ls", held));
    const std::int64_t id = db.number(
        "insert into tokens (user_id, tenant_id, hash, note, created_us, expires_us, parent_id, restricted) values (?, "
        "?, ?, ?, ?, ?, ?, ?) returning id",
        user, tenant, hash_of_secret(secret), request.note, now, expires, call.identity.token_id,
        maker.restricted || request.restricted);
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
      "from tokens t join users u on u.id = t.user_id where u.admin = 1 and t.restricted = 0 and (t.expires_us is null "
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
    if (owner == 0 || (owner != call.identity.user_id && !call.identity.admin))
      throw Error(Code::not_found, fmt::format("no token {}; see: ncloud token ls", request.token));
    if (request.keep_made)  // whoever made this one answers for them from now on
      db.run(
          fmt::format("{}update tokens set parent_id = (select parent_id from tokens where id = ?) where user_id <> ? "
                      "and parent_id in (select f.id from family f join tokens t on t.id = f.id where t.user_id = ?)",
                      kFamily),
          request.token, request.token, owner, owner);
    if (!request.force) check_revocation(db, request, owner);
    db.run(fmt::format("{}delete from tokens where id in (select id from family)", kFamily), request.token);
  });
  parts.identities.reload();
}

}  // namespace

void handle_users(api::Router& router, Parts parts) {
  router.handle(api::create_user, [parts](const api::Call& call, const api::CreateUser& request) {
    require_admin(call);
    return create(parts, call, request);
  });
  router.handle(api::list_users, [parts](const api::Call& call, const api::PageRequest& request) {
    require_admin(call);
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    return parts.store.read([&](Database& db) {
      const auto ids = db.all(
          "select id from users where id < ? order by id desc limit ?", [](const Row& row) { return row.integer(0); },
          before, request.page_size + 1);
      std::vector<api::User> users;
      for (const std::int64_t id : ids) users.push_back(user_with(db, id));
      return page_of(std::move(users), request.page_size, [](const api::User& user) { return user.id; });
    });
  });
  router.handle(api::get_user, [parts](const api::Call& call, const api::UserRef& request) {
    require_admin(call);
    return parts.store.read([&](Database& db) { return user_with(db, user_id_of(db, request.user)); });
  });
  router.handle(api::delete_user, [parts](const api::Call& call, const api::UserRef& request) {
    require_admin(call);
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
                 token_of, before, call.identity.admin, call.identity.user_id, request.page_size + 1);
      return page_of(std::move(tokens), request.page_size, [](const api::Token& token) { return token.id; });
    });
  });
  router.handle(api::revoke_token, [parts](const api::Call& call, const api::RevokeToken& request) {
    revoke(parts, call, request);
    return api::Nothing{};
  });
  router.handle(api::get_caller, [](const api::Call& call, const api::Nothing&) {
    return api::Caller{.user = call.identity.user, .tenant = call.identity.tenant, .admin = call.identity.admin};
  });
}

}  // namespace cloud
