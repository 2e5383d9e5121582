#pragma once
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "api/resources/users.h"
#include "api/router.h"
#include "base/allowances.h"
#include "cloud/identity.h"
#include "cloud/store.h"

namespace cloud {

/// Passwords and the sessions they open. Guesses are slow for whoever guesses and for nobody else: a wrong password
/// counts for its user from its address, for the address, and (with room for the many addresses of one person) for the
/// user. A user that there is none of is answered and counted like one with another password. Threads: any.
class Logins {
 public:
  static constexpr int kMaxSessions = 100;  ///< of one user; one more ends the oldest

  Logins(Store& store, Identities& identities) : store_(store), identities_(identities) {}

  /// A session's token. Errors: unauthenticated; too_many, with the time to wait.
  api::Token log_in(const api::Call& call, const api::LogIn& request);

  /// The new password when the request has none: shown this once. Errors: unauthenticated when the current one is
  /// wrong; not_found, conflict for somebody whom the caller does not look after.
  api::NewPassword set_password(const api::Call& call, const api::SetPassword& request);

  /// Whether this is the user's password. Errors: too_many; unavailable while too many others are looked at.
  bool is_right(std::string_view user, std::string_view password, const std::string& address);

 private:
  // Each takes 64 MiB and a CPU for a while, so few are looked at together and few wait.
  class Turn;

  Store& store_;
  Identities& identities_;
  base::Allowances of_user_here_{5, 1.0 / 30}, of_address_{30, 1.0 / 5}, of_user_{100, 1.0 / 10};
  std::mutex mutex_;
  std::condition_variable next_;
  int working_ = 0, waiting_ = 0;
};

}  // namespace cloud
