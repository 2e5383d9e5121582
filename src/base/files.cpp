#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <mutex>

#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"

namespace base {
namespace {

std::atomic<bool> has_disk_fault{false};
std::mutex disk_fault_mutex;
DiskFault disk_fault;

int injected_fault(std::string_view operation, const std::filesystem::path& path) {
  if (!has_disk_fault.load(std::memory_order_relaxed)) return 0;
  const std::lock_guard lock(disk_fault_mutex);
  return disk_fault ? disk_fault(operation, path) : 0;
}

void sync_to_disk(int fd, const std::filesystem::path& path) {
  const int fault = injected_fault("fsync", path);
  if (fault != 0) throw system_error(fmt::format("cannot write '{}' to disk", path.string()), fault);
  if (::fsync(fd) != 0) throw system_error(fmt::format("cannot write '{}' to disk", path.string()), errno);
}

void sync_folder(const std::filesystem::path& folder) {
  const Fd fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw system_error(fmt::format("cannot open folder '{}'", folder.string()), errno);
  sync_to_disk(fd.get(), folder);
}

struct stat status_of(const Fd& file, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw system_error(fmt::format("cannot read '{}'", path.string()), errno);
  return status;
}

std::string_view kind_of_file(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "something else";
}

std::optional<Fd> open_file(const std::filesystem::path& path, int flags) {
  // O_NONBLOCK: without waiting for a pipe's writer.
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags));
  if (!file && errno == ELOOP && flags != 0) return std::nullopt;
  if (!file) throw system_error(fmt::format("cannot open '{}'", path.string()), errno);
  const mode_t mode = status_of(file, path).st_mode;
  if (!S_ISREG(mode))
    throw Error(Code::invalid_argument, fmt::format("'{}' is {}, not a file", path.string(), kind_of_file(mode)));
  return file;
}

}  // namespace

void set_disk_fault(DiskFault fault) {
  const std::lock_guard lock(disk_fault_mutex);
  disk_fault = std::move(fault);
  has_disk_fault = static_cast<bool>(disk_fault);
}

void Fd::reset() {
  if (value_ >= 0) ::close(value_);
  value_ = -1;
}

Fd open_for_reading(const std::filesystem::path& path) { return std::move(*open_file(path, 0)); }

std::optional<Fd> open_unless_link(const std::filesystem::path& path) { return open_file(path, O_NOFOLLOW); }

Fd open_foreign_file(const std::filesystem::path& folder, const std::string& name) {
  const auto refuse = [&](std::string_view what) -> Error {
    return {Code::invalid_argument, fmt::format("expected a regular file, but '{}' {}", printable(name), what)};
  };
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    throw refuse("is no file's name");
  const Fd inside(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!inside) throw system_error(fmt::format("cannot open folder '{}'", folder.string()), errno);
  // O_NONBLOCK: else a pipe waits here for somebody who writes.
  Fd file(::openat(inside.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) throw refuse(fmt::format("cannot be opened without following links: {}", std::strerror(errno)));
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw system_error("cannot look at a file", errno);
  if (!S_ISREG(status.st_mode)) throw refuse("is a folder, a pipe or a device");
  if (status.st_nlink > 1) throw refuse("has other names too");
  return file;
}

std::size_t read_some(const Fd& file, std::span<char> buffer) {
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw system_error("cannot read", errno);
  }
}

std::string read_file(const std::filesystem::path& path, std::size_t limit_bytes) {
  return read_file(open_for_reading(path), path, limit_bytes);
}

std::string read_file(const Fd& file, const std::filesystem::path& path, std::size_t limit_bytes) {
  const auto size = static_cast<std::size_t>(status_of(file, path).st_size);
  if (size > limit_bytes)
    throw Error(Code::too_large, fmt::format("'{}' has {} bytes; the limit is {}", path.string(), size, limit_bytes));
  std::string bytes(size + 1, '\0');  // one more, to see the end without growing
  std::size_t filled = 0;
  for (;;) {
    if (filled == bytes.size()) bytes.resize(filled + 4096);  // also files that grow, or that have no size, as in /proc
    const std::size_t got = read_some(file, {bytes.data() + filled, bytes.size() - filled});
    if (got == 0) break;
    filled += got;
    if (filled > limit_bytes)
      throw Error(Code::too_large, fmt::format("'{}' is over the limit of {} bytes", path.string(), limit_bytes));
  }
  bytes.resize(filled);
  return bytes;
}

std::filesystem::path real_path(const Fd& file) {
  std::string name(PATH_MAX, '\0');
  const ssize_t length = ::readlink(fmt::format("/proc/self/fd/{}", file.get()).c_str(), name.data(), name.size());
  if (length < 0) throw system_error("cannot find out where a file is", errno);
  name.resize(static_cast<std::size_t>(length));
  return name;
}

void write_all(const Fd& file, std::string_view bytes, std::string_view name_in_errors) {
  const int fault = injected_fault("write", std::filesystem::path(name_in_errors));
  if (fault != 0) throw system_error(fmt::format("cannot write '{}'", name_in_errors), fault);
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw system_error(fmt::format("cannot write '{}'", name_in_errors), errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  {
    const Fd file = open_for_reading(temporary);
    sync_to_disk(file.get(), temporary);
  }
  const int fault = injected_fault("rename", path);
  if (fault != 0) throw system_error(fmt::format("cannot name '{}'", path.string()), fault);
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    throw system_error(fmt::format("cannot name '{}'", path.string()), errno);
  sync_folder(path.parent_path());
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path temporary = path.string() + ".tmp-" + hex(random_bytes(6));
  try {
    const Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file) throw system_error(fmt::format("cannot create '{}'", path.string()), errno);
    write_all(file, bytes, temporary.string());
    commit_file(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

bool make_folders(const std::filesystem::path& folder) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (error) throw system_error(fmt::format("cannot create folder '{}'", folder.string()), error.value());
  return made;
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  auto entry = std::filesystem::directory_iterator(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) throw system_error(fmt::format("cannot list folder '{}'", folder.string()), error.value());
  return names;
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Fd file = open_for_reading(path);
  size_ = static_cast<std::size_t>(status_of(file, path).st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) throw system_error(fmt::format("cannot map '{}'", path.string()), errno);
  data_ = static_cast<const char*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept : data_(other.data_), size_(other.size_) {
  other.data_ = nullptr;
  other.size_ = 0;
}

TemporaryFolder::TemporaryFolder(std::string_view prefix) {
  std::string name = (std::filesystem::temp_directory_path() / fmt::format("{}-XXXXXX", prefix)).string();
  if (::mkdtemp(name.data()) == nullptr) throw system_error(fmt::format("cannot create folder '{}'", name), errno);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace base
