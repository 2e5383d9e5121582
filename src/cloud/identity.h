#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/router.h"
#include "cloud/machine.h"
#include "cloud/store.h"

namespace cloud {

/// A new secret: "nc_" and 32 random bytes in base64url.
std::string new_secret();

/// What the store keeps of a secret. A plain hash is enough, because the secret has 256 random bits.
std::string hash_of_secret(std::string_view secret);

/// Tokens of one user at most.
inline constexpr std::int64_t kMaxTokens = 1000;

/// Deletes the tokens whose `column` (user_id or tenant_id) is `id`. Others' tokens that they made stay.
void drop_tokens(Database& db, std::string_view column, std::int64_t id);

/// Who is who. All tokens are held in memory, so that a right one needs no database; whoever changes users, tenants or
/// tokens calls reload() before answering, so that a revocation is effective at once. Threads: any.
class Identities {
 public:
  explicit Identities(Store& store);

  /// On the very first start: the tenant "default", which holds the whole machine, the user "admin" in it and a token,
  /// whose secret is returned and is not in the database. Nothing later.
  std::optional<std::string> first_start(const Machine& machine);

  /// One more token for the first administrator there is: the way back when all tokens are lost. Errors: not_found.
  std::string new_admin_token(std::string_view note);

  /// The caller behind a secret; nothing when it is unknown, revoked or expired.
  std::optional<api::Identity> authenticate(std::string_view secret);

  void reload();

  /// `changed` is called after each reload(). Before serving.
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

 private:
  struct Known {
    std::string hash;
    api::Identity identity;
    std::optional<std::int64_t> expires_us;
  };

  std::optional<api::Identity> found(const std::string& hash) const;
  bool made_elsewhere(const std::string& hash);

  Store& store_;
  std::function<void()> changed_;
  std::atomic<std::int64_t> looked_us_ = 0;
  Mutex reload_mutex_{locks::kReload};
  mutable base::Ordered<std::shared_mutex> mutex_{locks::kTokens};
  std::unordered_map<std::string, Known> tokens_;  // by hash
};

/// Errors: permission_denied unless the caller is an administrator.
void require_admin(const api::Call& call);

}  // namespace cloud
