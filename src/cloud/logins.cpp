#include "cloud/logins.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/names.h"
#include "cloud/people.h"
#include "cloud/sodium/password.h"

namespace cloud {

using base::Code;
using base::Error;

class Logins::Turn {
 public:
  explicit Turn(Logins& logins) : logins_(logins) {
    constexpr int kTogether = 2, kWaiting = 4;
    std::unique_lock lock(logins_.mutex_);
    if (logins_.waiting_ >= kWaiting) {
      Error busy(Code::unavailable, "many log in at this moment; try again in a second");
      busy.retry_after_s = 1;
      throw busy;
    }
    ++logins_.waiting_;
    logins_.next_.wait(lock, [&] { return logins_.working_ < kTogether; });
    --logins_.waiting_;
    ++logins_.working_;
  }
  ~Turn() {
    {
      const std::lock_guard lock(logins_.mutex_);
      --logins_.working_;
    }
    logins_.next_.notify_one();
  }
  Turn(const Turn&) = delete;

 private:
  Logins& logins_;
};

bool Logins::is_right(std::string_view user, std::string_view password, const std::string& address) {
  const std::string name(user), here = fmt::format("{}\n{}", name, address);
  const std::int64_t now = base::steady_now_us();
  std::optional<int> wait_s = of_user_here_.count(here, now);
  if (!wait_s && (wait_s = of_address_.count(address, now))) of_user_here_.give_back(here);
  if (!wait_s && (wait_s = of_user_.count(name, now))) {
    of_user_here_.give_back(here);
    of_address_.give_back(address);
  }
  if (wait_s) {
    Error slow(Code::too_many, fmt::format("too many wrong passwords; try again in {} s", *wait_s));
    slow.retry_after_s = *wait_s;
    throw slow;
  }
  const auto hash = store_.read([&](Database& db) {
    return db.first(
        "select p.hash from passwords p join users u on u.id = p.user_id where u.name = ?",
        [](const Row& row) { return row.text(0); }, name);
  });
  bool right = false;
  {
    const Turn turn(*this);
    right = is_password_of(hash ? *hash : hash_of_nobody(), password) && hash;
  }
  if (right) {
    of_user_here_.give_back(here);
    of_address_.give_back(address);
    of_user_.give_back(name);
  }
  return right;
}

api::Token Logins::log_in(const api::Call& call, const api::LogIn& request) {
  if (!is_right(request.user, request.password, call.address))
    throw Error(Code::unauthenticated, "user or password is wrong");
  const std::string secret = new_secret();
  const std::int64_t now = base::wall_now_us(), hour_us = std::int64_t{3600} * 1000000;
  api::Token token = store_.write([&](Database& db) {
    const std::int64_t user = db.number("select id from users where name = ?", request.user);
    if (user == 0) throw Error(Code::unauthenticated, "user or password is wrong");  // removed meanwhile
    db.run("delete from tokens where expires_us <= ?", now);
    drop_families(db,
                  "id in (select id from tokens where user_id = ? and session = 1 order by id desc limit -1 offset ?)",
                  user, kMaxSessions - 1);
    const bool admin = db.number("select admin from users where id = ?", user) != 0;
    const api::Role scope =
        std::min(request.scope.value_or(api::Role::admin), admin ? api::Role::admin : api::Role::manager);
    api::Token made{.user = request.user, .note = "login", .scope = scope, .created_at = base::rfc3339(now)};
    const std::int64_t expires = now + request.hours * hour_us;
    made.expires_at = base::rfc3339(expires);
    made.id = db.number(
        "insert into tokens (user_id, hash, note, created_us, expires_us, scope, session) values (?, ?, ?, ?, ?, ?, 1) "
        "returning id",
        user, hash_of_secret(secret), made.note, now, expires, static_cast<int>(scope));
    made.token = secret;
    return made;
  });
  identities_.reload();
  return token;
}

api::NewPassword Logins::set_password(const api::Call& call, const api::SetPassword& request) {
  const api::Identity& caller = call.identity;
  const auto [user, name, has_password] = store_.read([&](Database& db) {
    const bool own = request.user == caller.user || request.user == std::to_string(caller.user_id);
    const std::int64_t id = own ? caller.user_id : managed_user_id_of(db, caller, request.user);
    if (!own && api::may(caller, api::Permission::manager) != api::Verdict::allowed) throw no_such_user(request.user);
    if (!own && !caller.admin() && !belongs_only_to(db, id, caller.tenant_id))
      throw Error(Code::conflict, "the user belongs to more than your tenant; only an administrator may do this");
    return std::tuple(id,
                      db.first(
                            "select name from users where id = ?", [](const Row& row) { return row.text(0); }, id)
                          .value_or(""),
                      db.number("select count(*) from passwords where user_id = ?", id) > 0);
  });
  // A token that was left somewhere must not be enough to take a person's account.
  if (user == caller.user_id && has_password && !is_right(name, request.current, call.address))
    throw Error(Code::unauthenticated, "the current password is wrong", "/current");
  if (request.password && *request.password == name)
    throw Error(Code::invalid_argument, "a password must be another than the user's name", "/password");
  const std::string password = request.password ? *request.password : new_password();
  std::string hash;
  {
    const Turn turn(*this);
    hash = hash_of_password(password);
  }
  store_.write([&](Database& db) {
    db.run(
        "insert into passwords (user_id, hash, changed_us) values (?, ?, ?) on conflict (user_id) do update set hash = "
        "excluded.hash, changed_us = excluded.changed_us",
        user, hash, base::wall_now_us());
    // Whoever knew the old one is out: all sessions but this one, with what they made.
    drop_families(db, "user_id = ? and session = 1 and id <> ?", user, caller.token_id);
  });
  identities_.reload();
  return {.user = name, .password = request.password ? std::nullopt : std::optional(password)};
}

}  // namespace cloud
