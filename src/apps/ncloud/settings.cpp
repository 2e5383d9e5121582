#include "apps/ncloud/settings.h"

#include <sys/stat.h>

#include <cstdlib>

#include "api/access.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/files.h"

namespace ncloud {
namespace {

using base::Code;
using base::Error;

std::string environment(std::string_view name) {
  const char* value = base::environment(name);
  return value == nullptr ? "" : value;
}

/// The daemon of this user on this machine, when nothing names a server or `host` names that one.
std::optional<Target> own_daemon(const std::string& host) {
  std::optional<api::Access> access;
  try {
    access = api::find_access(api::default_data_folder());
  } catch (const Error&) {
    if (host.empty()) throw;
  }
  if (!access || (!host.empty() && normal_host(host) != access->host)) return std::nullopt;
  return Target{access->host, access->token};
}

/// own_daemon(""), as soon as there is one.
std::optional<Target> own_daemon_within(int wait_ms) {
  const std::int64_t end_us = base::steady_now_us() + std::int64_t{wait_ms} * 1000;
  while (true) {
    const bool last = base::steady_now_us() >= end_us;
    try {
      if (auto own = own_daemon(""); own || last) return own;
    } catch (const Error& error) {
      if (last || error.code != Code::unavailable) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace

std::filesystem::path settings_file() {
  const std::string config = environment("XDG_CONFIG_HOME");
  if (!config.empty()) return std::filesystem::path(config) / "ncloud" / "config.json";
  const std::string home = environment("HOME");
  if (home.empty())
    throw Error(Code::invalid_argument,
                "neither $XDG_CONFIG_HOME nor $HOME is set, so there is no place for the configuration");
  return std::filesystem::path(home) / ".config" / "ncloud" / "config.json";
}

Settings read_settings() {
  if (environment("XDG_CONFIG_HOME").empty() && environment("HOME").empty()) return {};  // as of a service
  const std::filesystem::path file = settings_file();
  if (!std::filesystem::exists(file)) return {};
  try {
    return base::decode<Settings>(base::parse_json(base::read_file(file), file.string()));
  } catch (const Error& error) {
    throw Error(
        error.code,
        fmt::format("{}: {}; correct it, or remove it and run `ncloud configure`", file.string(), error.message),
        error.where);
  }
}

void write_settings(const Settings& settings) {
  const std::filesystem::path file = settings_file();
  const mode_t before = ::umask(077);  // tokens are for their owner only, also in the temporary file
  try {
    std::filesystem::create_directories(file.parent_path());
    base::write_file_atomically(file, base::to_text(base::encode(settings), 2) + "\n");
    std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  } catch (const std::filesystem::filesystem_error& error) {
    ::umask(before);
    throw base::system_error(fmt::format("cannot write '{}'", file.string()), error.code().value());
  } catch (...) {
    ::umask(before);
    throw;
  }
  ::umask(before);
}

std::string profile_name(const Overrides& overrides) {
  if (overrides.profile) return *overrides.profile;
  const std::string name = environment("NCLOUD_PROFILE");
  return name.empty() ? "default" : name;
}

std::string normal_host(std::string host) {
  if (host.find("://") == std::string::npos) host = "http://" + host;
  while (host.ends_with('/')) host.pop_back();
  if (!host.starts_with("http://") && !host.starts_with("https://"))
    throw Error(Code::invalid_argument, fmt::format("expected an address such as {}, got '{}'", kDefaultHost, host));
  return host;
}

Target find_target(const Overrides& overrides, int wait_ms) {
  const Settings settings = read_settings();
  const std::string name = profile_name(overrides);
  const auto found = settings.profiles.find(name);
  const bool named = overrides.profile || !environment("NCLOUD_PROFILE").empty();
  if (named && found == settings.profiles.end()) {
    std::vector<std::string_view> known;
    for (const auto& [key, profile] : settings.profiles) known.push_back(key);
    throw Error(Code::unauthenticated, fmt::format("{}; make it: ncloud configure --profile {}",
                                                   base::unknown_word("profile", name, known), name));
  }
  const std::string host = overrides.host ? *overrides.host : environment("NCLOUD_HOST");
  const std::string token = environment("NCLOUD_TOKEN");
  const std::string tenant = overrides.tenant ? *overrides.tenant : environment("NCLOUD_TENANT");
  if (found == settings.profiles.end() && token.empty())
    if (auto own = host.empty() ? own_daemon_within(wait_ms) : own_daemon(host)) {
      own->tenant = tenant;
      return *own;
    }
  const Profile profile = found == settings.profiles.end() ? Profile{} : found->second;
  Target target{normal_host(host.empty() ? profile.host : host), token, tenant};
  if (target.token.empty() && target.host == normal_host(profile.host)) target.token = profile.token;
  if (target.tenant.empty() && target.token == profile.token) target.tenant = profile.tenant;
  return target;
}

}  // namespace ncloud
