#include "cloud/identity.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/sha256.h"
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

Identities::Identities(Store& store) : store_(store) { reload(); }

std::string Identities::new_admin_token(std::string_view note) {
  const std::string secret = new_secret();
  store_.write([&](Database& db) {
    const std::int64_t user = db.number("select coalesce(min(id), 0) from users where admin = 1");
    if (user == 0)
      throw base::Error(base::Code::not_found,
                        "there is no administrator yet: start ncloudd once without --new-admin-token");
    const std::int64_t tenant =
        db.number("select tenant_id from memberships where user_id = ? order by position limit 1", user);
    db.run("insert into tokens (user_id, tenant_id, hash, note, created_us) values (?, ?, ?, ?, ?)", user, tenant,
           hash_of_secret(secret), note, base::wall_now_us());
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
    db.run("insert into memberships (user_id, tenant_id, position) values (?, ?, 0)", user, tenant);
    db.run(
        "insert into tokens (user_id, tenant_id, hash, note, created_us) values (?, ?, ?, 'made at the first start', "
        "?)",
        user, tenant, hash_of_secret(secret), now);
    return true;
  });
  if (!first) return std::nullopt;
  reload();
  return secret;
}

void Identities::reload() {
  const std::lock_guard one_at_a_time(reload_mutex_);  // an older state must not overwrite a newer one
  auto rows = store_.read([](Database& db) {
    return db.all(
        "select t.hash, t.id, u.id, u.name, u.admin = 1 and t.restricted = 0, n.id, n.name, t.expires_us from tokens t "
        "join users u on u.id = t.user_id join tenants n on n.id = t.tenant_id",
        [](const Row& row) {
          return Known{row.text(0),
                       {.user_id = row.integer(2),
                        .tenant_id = row.integer(5),
                        .token_id = row.integer(1),
                        .admin = row.integer(4) != 0,
                        .user = row.text(3),
                        .tenant = row.text(6)},
                       row.optional_integer(7)};
        });
  });
  std::unordered_map<std::string, Known> fresh;
  for (Known& known : rows) fresh.emplace(known.hash, std::move(known));
  {
    const std::lock_guard lock(mutex_);
    tokens_ = std::move(fresh);
  }
  if (changed_) changed_();
}

void drop_tokens(Database& db, std::string_view column, std::int64_t id) {
  db.run(fmt::format("update tokens set parent_id = null where {0} <> ? and parent_id in (select id from tokens where "
                     "{0} = ?)",
                     column),
         id, id);
  db.run(fmt::format("delete from tokens where {} = ?", column), id);
}

std::optional<api::Identity> Identities::authenticate(std::string_view secret) {
  if (secret.size() > 200) return std::nullopt;
  const std::string hash = hash_of_secret(secret);
  auto identity = found(hash);
  if (!identity && made_elsewhere(hash)) identity = found(hash);
  return identity;
}

std::optional<api::Identity> Identities::found(const std::string& hash) const {
  const std::shared_lock lock(mutex_);
  const auto found = tokens_.find(hash);
  if (found == tokens_.end() || !same_bytes(found->second.hash, hash)) return std::nullopt;
  if (found->second.expires_us && *found->second.expires_us <= base::wall_now_us()) return std::nullopt;
  return found->second.identity;
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

void require_admin(const api::Call& call) {
  if (!call.identity.admin)
    throw base::Error(base::Code::permission_denied,
                      fmt::format("only administrators may do this, and user '{}' is none", call.identity.user));
}

}  // namespace cloud
