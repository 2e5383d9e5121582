#include "cloud/identity.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cloud/names.h"
#include "cloud/tenants.h"

namespace cloud {
namespace {

std::string base64url(std::string_view bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    held += 8;
    while (held >= 6) out += kAlphabet[(bits >> (held -= 6)) & 63];
  }
  if (held > 0) out += kAlphabet[(bits << (6 - held)) & 63];
  return out;
}

// Takes the same time wherever the two differ.
bool same_bytes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

std::string new_secret() { return "nc_" + base64url(base::random_bytes(32)); }

std::string hash_of_secret(std::string_view secret) { return base::sha256(secret); }

/// A token, and when it was used last, which readers note.
struct Identities::Token {
  std::int64_t id = 0;
  std::int64_t user_id = 0;
  std::optional<std::int64_t> tenant_id = {};  // of those that are for one tenant only
  std::string hash = {};
  api::Role scope = api::Role::viewer;
  std::optional<std::int64_t> expires_us = {};
  mutable std::atomic<std::int64_t> used_us = 0;
  mutable std::atomic<std::int64_t> kept_us = 0;  // what the database has
};

/// All that a call's identity is made of, as the database has it.
struct Identities::People {
  struct Held {
    std::int64_t tenant_id = 0;
    api::Role role = api::Role::viewer;
  };
  struct User {
    std::string name;
    bool admin = false;
    std::vector<Held> roles;  // of the first tenant first
  };

  std::unordered_map<std::int64_t, std::string> tenants;
  std::unordered_map<std::int64_t, User> users;
  std::unordered_map<std::string, std::unique_ptr<Token>> tokens;  // by hash
  std::unordered_map<std::int64_t, const Token*> tokens_by_id;

  explicit People(Database& db) {
    db.each("select id, name from tenants", [&](const Row& row) { tenants[row.integer(0)] = row.text(1); });
    db.each("select id, name, admin from users",
            [&](const Row& row) { users[row.integer(0)] = {row.text(1), row.integer(2) != 0, {}}; });
    db.each("select user_id, tenant_id, role from roles order by user_id, position", [&](const Row& row) {
      users[row.integer(0)].roles.push_back({row.integer(1), static_cast<api::Role>(row.integer(2))});
    });
    db.each("select id, user_id, tenant_id, hash, scope, expires_us, used_us from tokens", [&](const Row& row) {
      auto token = std::make_unique<Token>();
      token->id = row.integer(0);
      token->user_id = row.integer(1);
      token->tenant_id = row.optional_integer(2);
      token->hash = row.text(3);
      token->scope = static_cast<api::Role>(row.integer(4));
      token->expires_us = row.optional_integer(5);
      token->used_us = token->kept_us = row.optional_integer(6).value_or(0);
      tokens_by_id[token->id] = token.get();
      std::string hash = token->hash;
      tokens.emplace(std::move(hash), std::move(token));
    });
  }

  /// The tenant that is meant; 0: the user has none. Errors: as of authenticate().
  std::int64_t tenant_of(const Token& token, const User& user, std::string_view named) const {
    if (named.empty()) {
      if (token.tenant_id) return *token.tenant_id;
      return user.roles.empty() ? 0 : user.roles.front().tenant_id;
    }
    const auto id = id_in(named);
    const auto is_named = [&](std::int64_t tenant) { return id ? tenant == *id : tenants.at(tenant) == named; };
    if (token.tenant_id && !is_named(*token.tenant_id))
      throw base::Error(base::Code::permission_denied,
                        fmt::format("this token is for tenant '{}' alone, and the call names '{}'; use another token, "
                                    "or log in: ncloud login",
                                    tenants.at(*token.tenant_id), base::printable(named, 80)));
    for (const Held& held : user.roles)
      if (is_named(held.tenant_id)) return held.tenant_id;
    if (user.admin && token.scope == api::Role::admin)
      for (const auto& [tenant, name] : tenants)
        if (is_named(tenant)) return tenant;
    throw base::Error(base::Code::not_found,
                      fmt::format("you have no tenant '{}'; see: ncloud whoami", base::printable(named, 80)));
  }

  std::optional<api::Role> role_of(const Token& token, const User& user, std::int64_t tenant_id) const {
    if (user.admin && token.scope == api::Role::admin) return api::Role::admin;
    for (const Held& held : user.roles)
      if (held.tenant_id == tenant_id) return std::min(held.role, token.scope);
    return std::nullopt;
  }
};

Identities::Identities(Store& store) : store_(store) { reload(); }

Identities::~Identities() = default;

std::string Identities::new_admin_token(std::string_view note) {
  const std::string secret = new_secret();
  store_.write([&](Database& db) {
    const std::int64_t user = db.number("select coalesce(min(id), 0) from users where admin = 1");
    if (user == 0)
      throw base::Error(base::Code::not_found,
                        "there is no administrator yet: start ncloudd once without --new-admin-token");
    db.run("insert into tokens (user_id, hash, note, scope, created_us) values (?, ?, ?, ?, ?)", user,
           hash_of_secret(secret), note, static_cast<int>(api::Role::admin), base::wall_now_us());
  });
  reload();
  return secret;
}

std::optional<std::string> Identities::first_start(const Machine& machine) {
  // Read first: a start on a full disk must not need to write.
  if (store_.read([](Database& db) { return db.number("select count(*) from users") > 0; })) return std::nullopt;
  const std::string secret = new_secret();
  const bool first = store_.write([&](Database& db) {
    if (db.number("select count(*) from users") > 0) return false;
    const std::int64_t now = base::wall_now_us();
    const std::int64_t tenant =
        db.number("insert into tenants (name, takes_rest, created_us) values ('default', 1, ?) returning id", now);
    share_rest(db, machine);
    const std::int64_t user =
        db.number("insert into users (name, admin, created_us) values ('admin', 1, ?) returning id", now);
    db.run("insert into memberships (user_id, tenant_id, position, role) values (?, ?, 0, ?)", user, tenant,
           static_cast<int>(api::Role::manager));
    db.run("insert into tokens (user_id, hash, note, scope, created_us) values (?, ?, 'made at the first start', ?, ?)",
           user, hash_of_secret(secret), static_cast<int>(api::Role::admin), now);
    return true;
  });
  if (!first) return std::nullopt;
  reload();
  return secret;
}

void Identities::reload() {
  const std::lock_guard one_at_a_time(reload_mutex_);  // an older state must not overwrite a newer one
  auto fresh = store_.read([](Database& db) { return std::make_unique<People>(db); });
  {
    const std::lock_guard lock(mutex_);
    if (people_)
      for (const auto& [id, token] : fresh->tokens_by_id)
        if (const auto before = people_->tokens_by_id.find(id); before != people_->tokens_by_id.end())
          token->used_us = std::max(token->used_us.load(), before->second->used_us.load());
    people_ = std::move(fresh);
  }
  if (changed_) changed_();
}

void drop_tokens(Database& db, std::string_view column, std::int64_t id) {
  db.run(fmt::format("update tokens set parent_id = null where coalesce({0}, 0) <> ? and parent_id in (select id from "
                     "tokens where {0} = ?)",
                     column),
         id, id);
  db.run(fmt::format("delete from tokens where {} = ?", column), id);
}

std::optional<api::Identity> Identities::authenticate(std::string_view secret, std::string_view tenant) {
  if (secret.size() > 200) return std::nullopt;
  const std::string hash = hash_of_secret(secret);
  auto identity = found(hash, tenant);
  if (!identity && made_elsewhere(hash)) identity = found(hash, tenant);
  return identity;
}

std::optional<api::Identity> Identities::found(const std::string& hash, std::string_view tenant) const {
  const std::shared_lock lock(mutex_);
  const auto at = people_->tokens.find(hash);
  if (at == people_->tokens.end() || !same_bytes(at->second->hash, hash)) return std::nullopt;
  const Token& token = *at->second;
  const std::int64_t now = base::wall_now_us();
  if (token.expires_us && *token.expires_us <= now) return std::nullopt;
  if (constexpr std::int64_t kSecondUs = 1000000; now - token.used_us > kSecondUs) token.used_us = now;
  const People::User& user = people_->users.at(token.user_id);
  const std::int64_t tenant_id = people_->tenant_of(token, user, tenant);
  return api::Identity{.user_id = token.user_id,
                       .tenant_id = tenant_id,
                       .token_id = token.id,
                       .role = people_->role_of(token, user, tenant_id),
                       .user = user.name,
                       .tenant = tenant_id == 0 ? "" : people_->tenants.at(tenant_id)};
}

std::optional<std::int64_t> Identities::last_use_us(std::int64_t token_id) const {
  const std::shared_lock lock(mutex_);
  const auto found = people_->tokens_by_id.find(token_id);
  if (found == people_->tokens_by_id.end() || found->second->used_us == 0) return std::nullopt;
  return found->second->used_us.load();
}

void Identities::keep_last_uses() {
  std::vector<std::pair<std::int64_t, std::int64_t>> uses;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, token] : people_->tokens_by_id)
      if (token->used_us != token->kept_us) {
        uses.emplace_back(id, token->used_us);
        token->kept_us = uses.back().second;
      }
  }
  if (uses.empty()) return;
  store_.write([&](Database& db) {
    for (const auto& [id, used_us] : uses) db.run("update tokens set used_us = ? where id = ?", used_us, id);
  });
}

// Whether `ncloudd --new-admin-token` made it beside us; it is known from now on. Wrong tokens must not keep the
// database busy, so most of many are not looked up.
bool Identities::made_elsewhere(const std::string& hash) {
  constexpr std::int64_t kPauseUs = 20000;
  const std::int64_t now = base::steady_now_us();
  std::int64_t before = looked_us_;
  if (now - before < kPauseUs || !looked_us_.compare_exchange_strong(before, now)) return false;
  if (store_.read([&](Database& db) { return db.number("select count(*) from tokens where hash = ?", hash); }) == 0)
    return false;
  reload();
  return true;
}

}  // namespace cloud
