#include "cloud/disk/object_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"

namespace cloud {
namespace {

constexpr std::string_view kBeingWritten = ".tmp-";
constexpr std::size_t kCopyBytes = std::size_t{1} << 20;

void sync_folder(const std::filesystem::path& folder) {
  const base::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0)
    throw base::system_error(fmt::format("cannot write folder '{}' to disk", folder.string()), errno);
}

std::int64_t size_of(const base::Fd& file) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) throw base::system_error("cannot look at a file", errno);
  return status.st_size;
}

// An object's name, or that of one that was being written. Nothing else here is ours to remove.
bool is_ours(std::string_view name) {
  const auto digits = std::min(name.find_first_not_of("0123456789abcdef"), name.size());
  return digits == 64 && (name.size() == 64 || name.substr(64).starts_with(kBeingWritten));
}

}  // namespace

ObjectFolder::ObjectFolder(std::filesystem::path folder) : folder_(std::move(folder)) { base::make_folders(folder_); }

std::filesystem::path ObjectFolder::path_of(std::string_view sha256) const {
  return folder_ / sha256.substr(0, 2) / sha256.substr(2);
}

bool ObjectFolder::has(std::string_view sha256) const {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path_of(sha256), ignored);
}

std::filesystem::path ObjectFolder::prepared(std::string_view sha256) {
  std::filesystem::path path = path_of(sha256);
  if (::mkdir(path.parent_path().c_str(), 0700) == 0)
    sync_folder(folder_);
  else if (errno != EEXIST)
    throw base::system_error(fmt::format("cannot create folder '{}'", path.parent_path().string()), errno);
  return path;
}

void ObjectFolder::write(std::string_view sha256, std::string_view bytes) {
  base::write_file_atomically(prepared(sha256), bytes);
}

std::int64_t ObjectFolder::copy(const std::string& sha256, std::span<const base::Fd> files, std::int64_t limit_bytes) {
  if (!is_ours(sha256) || sha256.size() != 64)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("expected a SHA-256 of 64 hex digits, got '{}'", base::printable(sha256)));
  std::vector<std::int64_t> sizes;
  for (const base::Fd& file : files) sizes.push_back(size_of(file));
  const std::int64_t size = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  if (size > limit_bytes)
    throw base::Error(base::Code::too_large,
                      fmt::format("a file of {} bytes is over the limit of {}", size, limit_bytes));
  const auto path = prepared(sha256);
  const std::filesystem::path temporary =
      fmt::format("{}{}{}", path.string(), kBeingWritten, base::hex(base::random_bytes(6)));
  try {
    // Written by nobody else, so what is hashed here is what stays.
    const base::Fd own(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    if (!own) throw base::system_error(fmt::format("cannot create '{}'", path.string()), errno);
    base::Sha256 hash;
    std::string buffer(kCopyBytes, '\0');
    std::int64_t copied = 0;
    for (std::size_t i = 0; i < files.size(); ++i)
      for (std::int64_t left = sizes[i]; left > 0;) {
        const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(kCopyBytes, left));
        const std::size_t got = base::read_some(files[i], {buffer.data(), wanted});
        if (got == 0) break;  // it has been shortened; the hash will tell
        hash.add({buffer.data(), got});
        base::write_all(own, {buffer.data(), got}, temporary.string());
        left -= static_cast<std::int64_t>(got);
        copied += static_cast<std::int64_t>(got);
      }
    if (const std::string found = hash.finish(); found != sha256)
      throw base::Error(base::Code::data_loss, fmt::format("a file has SHA-256 {}, expected {}", found, sha256));
    base::commit_file(temporary, path);
    return copied;
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

std::int64_t ObjectFolder::free_bytes() const {
  struct statvfs status{};
  if (::statvfs(folder_.c_str(), &status) != 0)
    throw base::system_error(fmt::format("cannot look at folder '{}'", folder_.string()), errno);
  return static_cast<std::int64_t>(status.f_bavail) * static_cast<std::int64_t>(status.f_frsize);
}

void ObjectFolder::remove(std::string_view sha256) {
  std::error_code ignored;
  std::filesystem::remove(path_of(sha256), ignored);
}

std::int64_t ObjectFolder::sweep(const std::function<bool(std::string_view)>& keep) {
  std::int64_t freed = 0;
  std::vector<std::filesystem::path> garbage;
  try {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      if (!entry.is_regular_file()) continue;
      const std::string sha256 = entry.path().parent_path().filename().string() + entry.path().filename().string();
      if (!is_ours(sha256) || (sha256.size() == 64 && keep(sha256))) continue;
      freed += static_cast<std::int64_t>(entry.file_size());
      garbage.push_back(entry.path());
    }
    for (const auto& path : garbage) std::filesystem::remove(path);
  } catch (const std::filesystem::filesystem_error& error) {
    throw base::system_error(fmt::format("cannot tidy folder '{}'", folder_.string()), error.code().value());
  }
  return freed;
}

}  // namespace cloud
