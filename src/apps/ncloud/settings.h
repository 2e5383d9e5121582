#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/fields.h"

namespace ncloud {

inline constexpr std::string_view kDefaultHost = "http://127.0.0.1:8642";

/// A server and who one is there.
struct Profile {
  std::string host{kDefaultHost};
  std::string token;
  std::string user;
  std::string tenant;
  static constexpr auto fields() {
    return std::tuple(base::field("host", &Profile::host, "address of the server"),
                      base::field("token", &Profile::token, "the secret"),
                      base::field("user", &Profile::user, "whose token it is"),
                      base::field("tenant", &Profile::tenant, "in which all is done; empty: the user's first"));
  }
};

/// The configuration file: $XDG_CONFIG_HOME/ncloud/config.json (or ~/.config/...), readable by its owner only.
struct Settings {
  std::map<std::string, Profile> profiles;
  static constexpr auto fields() { return std::tuple(base::field("profiles", &Settings::profiles, "by name")); }
};

std::filesystem::path settings_file();

/// Empty settings when there is no file. Errors: invalid_argument naming the file.
Settings read_settings();
void write_settings(const Settings& settings);

/// What the command line said instead of the settings.
struct Overrides {
  std::optional<std::string> host;
  std::optional<std::string> profile;
  std::optional<std::string> tenant;
};

std::string profile_name(const Overrides& overrides);  ///< --profile, else $NCLOUD_PROFILE, else "default"

struct Target {
  std::string host;
  std::string token;
  std::string tenant = {};  ///< empty: the token's, or its user's first
};

/// The server to talk to: --host, $NCLOUD_HOST or the profile's; with $NCLOUD_TOKEN or the profile's token, and for the
/// tenant of --tenant, $NCLOUD_TENANT or the profile. When
/// nothing of these says anything: the daemon that this user runs on this machine (api/access.h). A token is never sent
/// to another host than its own. Errors: unauthenticated when the named profile is not there; those of find_access.
/// For that daemon it waits up to `wait_ms`, because `ncloudd & ncloud ...` is how people begin.
Target find_target(const Overrides& overrides, int wait_ms = 0);

/// "http://127.0.0.1:8642" for "127.0.0.1:8642/". Errors: invalid_argument for what is no http address.
std::string normal_host(std::string host);

}  // namespace ncloud
