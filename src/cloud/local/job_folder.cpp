#include "cloud/local/job_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"

namespace cloud {
namespace {

const std::vector<std::string> kCheckpointFiles{"checkpoint-0", "checkpoint-1"};

void make_folder(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0)
    throw base::system_error(fmt::format("cannot make the job's folder '{}'", path.string()), errno);
}

}  // namespace

JobFolder::JobFolder(std::filesystem::path path) : path_(std::move(path)) {
  make_folder(path_);
  try {
    make_folder(path_ / "in");
    make_folder(out());
    for (const char* pipe : {"control", "events", "log"})
      if (::mkfifo((path_ / pipe).c_str(), 0600) != 0)
        throw base::system_error(fmt::format("cannot make '{}' for a job", (path_ / pipe).string()), errno);
  } catch (...) {
    remove();
    throw;
  }
}

void JobFolder::link(const std::filesystem::path& object, const std::string& name) const {
  if (::link(object.c_str(), (path_ / "in" / name).c_str()) == 0) return;
  if (errno == ENOENT)
    throw base::Error(base::Code::data_loss,
                      fmt::format("object '{}' is not there, so no job can have it", object.string()));
  throw base::system_error(fmt::format("cannot give '{}' to a job", object.string()), errno);
}

std::vector<std::string> JobFolder::make_checkpoint_files() const {
  for (const std::string& name : kCheckpointFiles)
    if (!base::Fd(::open((out() / name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)))
      throw base::system_error(fmt::format("cannot make '{}' for a checkpoint", (out() / name).string()), errno);
  return kCheckpointFiles;
}

namespace {

constexpr const char* kSocket = "socket";
constexpr int kConnections = 4;  // one is used, and the one of a daemon before that may be closing

// The address of a socket in a folder whose path may be longer than addresses are.
struct Address {
  explicit Address(const std::filesystem::path& folder)
      : opened(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (!opened) throw base::system_error(fmt::format("cannot open '{}'", folder.string()), errno);
    *fmt::format_to_n(name.sun_path, sizeof name.sun_path - 1, "/proc/self/fd/{}/{}", opened.get(), kSocket).out = 0;
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }

  base::Fd opened;
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
};

base::Fd new_socket(int flags = 0) {
  base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) throw base::system_error("cannot make a socket", errno);
  return fd;
}

}  // namespace

base::Fd JobFolder::make_socket() const {
  base::Fd fd = new_socket();
  const Address address(path_);
  if (::bind(fd.get(), address.get(), sizeof address.name) != 0 || ::listen(fd.get(), kConnections) != 0)
    throw base::system_error(fmt::format("cannot make the job's socket in '{}'", path_.string()), errno);
  return fd;
}

base::Fd JobFolder::connect() const {
  if (::access((path_ / kSocket).c_str(), F_OK) != 0) return {};
  // A process that hangs takes nobody in, and who waited for it would hang as well.
  base::Fd fd = new_socket(SOCK_NONBLOCK);
  const Address address(path_);
  if (::connect(fd.get(), address.get(), sizeof address.name) != 0)
    throw base::Error(base::Code::unavailable, base::system_error("cannot reach the job", errno).message);
  return fd;
}

bool JobFolder::is_written() {
  std::string now;
  for (const std::string& name : kCheckpointFiles) {
    struct stat status{};
    if (::lstat((out() / name).c_str(), &status) == 0)
      now += fmt::format("{} {}.{} ", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }
  return std::exchange(seen_, now) != now;
}

void JobFolder::remove() {
  if (std::exchange(removed_, true)) return;
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error)
    base::log_warning("the folder of a job stays: {}", base::system_error(path_.string(), error.value()).message);
}

}  // namespace cloud
