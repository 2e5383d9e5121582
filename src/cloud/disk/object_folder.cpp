#include "cloud/disk/object_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace cloud {
namespace {

void sync_folder(const std::filesystem::path& folder) {
  const base::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0)
    throw base::system_error(fmt::format("cannot write folder '{}' to disk", folder.string()), errno);
}

// An object's name, or that of one that was being written. Nothing else here is ours to remove.
bool is_ours(std::string_view name) {
  constexpr std::string_view kBeingWritten = ".tmp-";
  const auto digits = std::min(name.find_first_not_of("0123456789abcdef"), name.size());
  return digits == 64 && (name.size() == 64 || name.substr(64).starts_with(kBeingWritten));
}

}  // namespace

ObjectFolder::ObjectFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
}

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

void ObjectFolder::adopt(std::string_view sha256, const std::filesystem::path& file) {
  const auto path = prepared(sha256);
  ::chmod(file.c_str(), 0444);
  base::commit_file(file, path);
}

void ObjectFolder::remove(std::string_view sha256) {
  std::error_code ignored;
  std::filesystem::remove(path_of(sha256), ignored);
}

std::int64_t ObjectFolder::sweep(const std::function<bool(std::string_view)>& keep) {
  std::int64_t freed = 0;
  std::vector<std::filesystem::path> garbage;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    if (!entry.is_regular_file()) continue;
    const std::string sha256 = entry.path().parent_path().filename().string() + entry.path().filename().string();
    if (!is_ours(sha256) || (sha256.size() == 64 && keep(sha256))) continue;
    freed += static_cast<std::int64_t>(entry.file_size());
    garbage.push_back(entry.path());
  }
  for (const auto& path : garbage) std::filesystem::remove(path);
  return freed;
}

}  // namespace cloud
