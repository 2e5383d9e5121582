#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "base/fields.h"
#include "base/files.h"

namespace api {

/// What a daemon leaves in its data folder for the client of the same user on the same machine: where it listens and an
/// administrator's token. The file has mode 0600. While the daemon lives it holds a lock on the file, so that a client
/// never sends the token to whatever else came to listen at the address of a daemon that has ended.
struct Access {
  std::string host;
  std::string token;
  static constexpr auto fields() {
    return std::tuple(
        base::field("host", &Access::host, "loopback address of the daemon, such as http://127.0.0.1:8642").required(),
        base::field("token", &Access::token, "an administrator's token").required());
  }
};

/// Where a daemon keeps everything unless told otherwise, and where clients look for one: $NCLOUD_DATA_DIR, else
/// ncloud in $XDG_DATA_HOME, else ~/.local/share/ncloud, else /var/lib/ncloud.
std::filesystem::path default_data_folder();

/// The address at which this machine reaches what listens at `host`; nothing when that is no loopback address.
std::optional<std::string> loopback_address(const std::string& host, std::uint16_t port);

/// Whether `host` is "http://" and a numeric loopback address with a port.
bool is_loopback_address(std::string_view host);

/// Puts the file in its place. It holds for as long as the returned descriptor is open.
base::Fd publish_access(const std::filesystem::path& data_folder, const Access& access);

/// The file's content, alive or not; nothing when there is none that this user alone may read.
std::optional<Access> kept_access(const std::filesystem::path& data_folder);

/// The daemon that works in a folder; nothing when there never was one. Errors: unavailable when it does not run now,
/// permission_denied when others may read or may have written its file, invalid_argument when the file is damaged.
std::optional<Access> find_access(const std::filesystem::path& data_folder);

}  // namespace api
