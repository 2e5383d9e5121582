#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "api/client.h"
#include "apps/ncloud/output.h"
#include "apps/ncloud/settings.h"

namespace ncloud {

/// Thrown when nobody reads standard output any more, as in `ncloud model logs 1 | head -1`.
struct OutputClosed {};

/// What a command works with: the server it talks to and the terminal it writes to.
class Session {
 public:
  Session(Overrides overrides, Format format) : overrides_(std::move(overrides)), format_(format) {}

  /// The server of the chosen profile. Errors: unauthenticated when nothing is configured.
  api::Client& client();
  api::Client new_client() const;    ///< one more, for another thread
  api::Client quick_client() const;  ///< gives up within a second, for what can be done without
  const Overrides& overrides() const { return overrides_; }
  Format format() const { return format_; }

  /// An answer on standard output, in the format asked for.
  void show(const base::json::value& answer, const std::vector<std::string>& columns = {}) const;
  template <base::Described T>
  void show(const T& described) const {
    show(base::encode(described));
  }

  /// What was done: `line` for people, the whole answer as JSON or YAML.
  void did(std::string_view line, const base::json::value& answer) const;
  template <base::Described T>
  void did(std::string_view line, const T& described) const {
    did(line, base::encode(described));
  }

  /// How to type a command now, with the options that lead to the same server: "ncloud --profile ada model follow 3".
  std::string command(std::string_view words) const;

  void print(std::string_view text) const;  ///< to standard output, as it is. Errors: OutputClosed
  void note(std::string_view text) const;   ///< a line for people on standard error

 private:
  Overrides overrides_;
  Format format_;
  mutable std::unique_ptr<Target> target_;
  std::unique_ptr<api::Client> client_;
  const Target& target() const;
};

}  // namespace ncloud
