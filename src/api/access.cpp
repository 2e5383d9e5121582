#include "api/access.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "base/environment.h"
#include "base/error.h"

namespace api {
namespace {

using base::Code;
using base::Error;

constexpr std::string_view kFile = "access.json";
constexpr std::size_t kMaxBytes = 4096;

std::filesystem::path absolute_from(const char* variable) {
  const char* value = base::environment(variable);
  return value != nullptr && *value == '/' ? value : "";
}

struct flock whole_file(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool is_locked(const base::Fd& file) {
  struct flock lock = whole_file(F_RDLCK);
  return ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/// Open, or not there. Errors: permission_denied for what another user made or may read.
base::Fd open_private(const std::filesystem::path& path) {
  base::Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file && (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) return file;  // or another user's daemon
  const bool is_link = !file && errno == ELOOP;
  if (!file && !is_link) throw base::system_error(fmt::format("cannot open '{}'", path.string()), errno);
  struct stat status{};
  if (file && ::fstat(file.get(), &status) != 0)
    throw base::system_error(fmt::format("cannot ask for '{}'", path.string()), errno);
  if (is_link || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    throw Error(Code::permission_denied,
                fmt::format("'{}' is not a file that only you may read and write, so it is not used; restart ncloudd, "
                            "which writes it anew",
                            path.string()));
  return file;
}

Access decode(const base::Fd& file, const std::filesystem::path& path) {
  std::string text(kMaxBytes, '\0');
  text.resize(base::read_some(file, text));
  try {
    return base::decode<Access>(base::parse_json(text, "its content"));
  } catch (const Error& error) {
    throw Error(error.code, fmt::format("{}: {}; restart ncloudd, which writes it anew", path.string(), error.message));
  }
}

}  // namespace

std::filesystem::path default_data_folder() {
  if (const auto folder = absolute_from("NCLOUD_DATA_DIR"); !folder.empty()) return folder;
  if (const auto data = absolute_from("XDG_DATA_HOME"); !data.empty()) return data / "ncloud";
  if (const auto home = absolute_from("HOME"); !home.empty()) return home / ".local/share/ncloud";
  return "/var/lib/ncloud";
}

std::optional<std::string> loopback_address(const std::string& host, std::uint16_t port) {
  std::string name = host;
  if (name == "localhost" || name == "0.0.0.0") name = "127.0.0.1";
  if (name == "::" || name == "::1") name = "[::1]";
  std::string address = fmt::format("http://{}:{}", name, port);
  return is_loopback_address(address) ? std::optional(std::move(address)) : std::nullopt;
}

bool is_loopback_address(std::string_view host) {
  constexpr std::string_view kScheme = "http://";
  if (!host.starts_with(kScheme)) return false;
  host.remove_prefix(kScheme.size());
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos) return false;
  int port = 0;
  const auto [end, error] = std::from_chars(host.data() + colon + 1, host.data() + host.size(), port);
  if (error != std::errc() || end != host.data() + host.size() || port < 1 || port > 65535) return false;
  const std::string name(host.substr(0, colon));
  in_addr address{};
  return name == "[::1]" || (name.starts_with("127.") && ::inet_pton(AF_INET, name.c_str(), &address) == 1);
}

base::Fd publish_access(const std::filesystem::path& data_folder, const Access& access) {
  const auto path = data_folder / kFile;
  auto temporary = path;
  temporary += ".new";
  ::unlink(temporary.c_str());
  base::Fd file(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) throw base::system_error(fmt::format("cannot make '{}'", temporary.string()), errno);
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(file.get(), F_OFD_SETLK, &lock) != 0)
    throw base::system_error(fmt::format("cannot lock '{}'", temporary.string()), errno);
  base::write_all(file, base::to_text(base::encode(access)) + "\n", temporary.string());
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    throw base::system_error(fmt::format("cannot make '{}'", path.string()), errno);
  return file;
}

std::optional<Access> kept_access(const std::filesystem::path& data_folder) {
  try {
    const auto path = data_folder / kFile;
    const base::Fd file = open_private(path);
    return file ? std::optional(decode(file, path)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<Access> find_access(const std::filesystem::path& data_folder) {
  const auto path = data_folder / kFile;
  const base::Fd file = open_private(path);
  if (!file) return std::nullopt;
  if (!is_locked(file))
    throw Error(Code::unavailable,
                fmt::format("the ncloudd that keeps its data in '{}' is not running; start it with `ncloudd`, or name "
                            "another server with --host or `ncloud configure`",
                            data_folder.string()));
  Access access = decode(file, path);
  if (!is_loopback_address(access.host))
    throw Error(Code::permission_denied, fmt::format("'{}' names '{}', which is no address of this machine: its token "
                                                     "is not sent there",
                                                     path.string(), access.host));
  return access;
}

}  // namespace api
