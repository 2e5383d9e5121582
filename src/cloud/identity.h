#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/router.h"
#include "cloud/machine.h"
#include "cloud/store.h"

namespace cloud {

/// A new secret: "nc_" and 32 random bytes in base64url.
std::string new_secret();

/// What the store keeps of a secret. A plain hash is enough, because the secret has 256 random bits.
std::string hash_of_secret(std::string_view secret);

/// Deletes the tokens whose `column` (user_id or tenant_id) is `id`. Others' tokens that they made stay.
void drop_tokens(Database& db, std::string_view column, std::int64_t id);

/// Deletes the tokens that `which` (a condition) selects, and all that they made, and these made.
template <class... Args>
void drop_families(Database& db, std::string_view which, const Args&... args) {
  db.run(
      fmt::format("with recursive family (id) as (select id from tokens where {} union select t.id from tokens t join "
                  "family f on t.parent_id = f.id) delete from tokens where id in (select id from family)",
                  which),
      args...);
}

/// Who is who. Users, their roles and all tokens are held in memory, so that a right token needs no database; whoever
/// changes users, tenants, groups or tokens calls reload() before answering, so that a revocation is effective at once.
/// Threads: any.
class Identities {
 public:
  explicit Identities(Store& store);
  ~Identities();

  /// On the very first start: the tenant "default", which holds the whole machine, the user "admin" in it and a token,
  /// whose secret is returned and is not in the database. Nothing later.
  std::optional<std::string> first_start(const Machine& machine);

  /// One more token for the first administrator there is: the way back when all tokens are lost. Errors: not_found.
  std::string new_admin_token(std::string_view note);

  /// The caller behind a secret, in the tenant named (by id or name), else the token's, else the user's first; nothing
  /// when the secret is unknown, revoked or expired. Errors: not_found for a tenant that is none of the user's;
  /// permission_denied for one that the token is not for.
  std::optional<api::Identity> authenticate(std::string_view secret, std::string_view tenant = {});

  void reload();

  /// When a token was last used, to the second; nothing when never.
  std::optional<std::int64_t> last_use_us(std::int64_t token_id) const;

  /// Writes down the last uses that the database does not have. A killed daemon loses those since the last time.
  void keep_last_uses();

  /// `changed` is called after each reload(). Before serving.
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

 private:
  struct Token;
  struct People;

  std::optional<api::Identity> found(const std::string& hash, std::string_view tenant) const;
  bool made_elsewhere(const std::string& hash);

  Store& store_;
  std::function<void()> changed_;
  std::atomic<std::int64_t> looked_us_ = 0;
  Mutex reload_mutex_{locks::kReload};
  mutable base::Ordered<std::shared_mutex> mutex_{locks::kTokens};
  std::unique_ptr<const People> people_;
};

}  // namespace cloud
