#include "cloud/local/volume_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>

#include "api/resources/volumes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cloud/objects.h"
#include "cloud/volumes.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

constexpr std::int64_t kMostEntries = 2 * kMostVolumeFiles;  // files and folders that a job may leave
constexpr std::size_t kMostLeftOut = 20;                     // told by name
constexpr std::string_view kHalfWritten = ".tmp-";           // in names of files that are renamed when they are whole

// Of files as they were put here: what has another time was written to.
constexpr timespec kUntouched{.tv_sec = 1, .tv_nsec = 0};

struct RecordedFile {
  std::string path, sha256;
  std::int64_t size_bytes = 0;
  static constexpr auto fields() {
    return std::tuple(base::field("path", &RecordedFile::path, "in the volume").required(),
                      base::field("sha256", &RecordedFile::sha256, "of its bytes").required(),
                      base::field("size_bytes", &RecordedFile::size_bytes, "bytes").required());
  }
};

struct Record {
  std::int64_t volume = 0;
  std::string boot;
  std::vector<RecordedFile> files;
  static constexpr auto fields() {
    return std::tuple(base::field("volume", &Record::volume, "its id").required(),
                      base::field("boot", &Record::boot, "of the machine").required(),
                      base::field("files", &Record::files, "as the job found them").required());
  }
};

std::string boot_of_machine() { return base::read_file("/proc/sys/kernel/random/boot_id", 100); }

// Shares the bytes where the file system can do that.
void copy_object(const std::filesystem::path& from, const std::filesystem::path& to) {
  const base::Fd in(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in && errno == ENOENT)
    throw Error(Code::data_loss, fmt::format("object '{}' is not there, so no job can have it", from.string()));
  const base::Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!in || !out) throw base::system_error(fmt::format("cannot give '{}' to a job", from.string()), errno);
  if (::ioctl(out.get(), FICLONE, in.get()) != 0) {
    std::string buffer(std::size_t{1} << 20, '\0');
    while (const std::size_t got = base::read_some(in, buffer)) base::write_all(out, {buffer.data(), got}, to.string());
  }
  const timespec times[] = {kUntouched, kUntouched};
  if (::futimens(out.get(), times) != 0) throw base::system_error("cannot set the time of a job's file", errno);
}

struct Entry {
  std::string path;  // in the volume
  struct stat status;
};

// Visits all that is below a folder that somebody wrote who is not trusted: no link is followed. False when the visitor
// ended it.
bool walk(const base::Fd& folder, const std::string& prefix, std::size_t depth,
          const std::function<bool(const Entry&)>& visit) {
  const int again = ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const open = again < 0 ? nullptr : ::fdopendir(again);
  if (open == nullptr) throw base::system_error("cannot list a job's folder", errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(open, ::closedir);
  while (const dirent* found = ::readdir(listing.get())) {
    const std::string name = found->d_name;
    if (name == "." || name == "..") continue;
    Entry entry{prefix + name, {}};
    if (::fstatat(folder.get(), name.c_str(), &entry.status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
    if (!visit(entry)) return false;
    if (!S_ISDIR(entry.status.st_mode) || depth >= api::kVolumePathDepth) continue;
    const base::Fd below(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below && !walk(below, entry.path + "/", depth + 1, visit)) return false;
  }
  return true;
}

base::Fd opened(const std::filesystem::path& folder) {
  base::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) throw base::system_error(fmt::format("cannot open folder '{}'", folder.string()), errno);
  return fd;
}

// A file below a folder that somebody wrote who is not trusted.
base::Fd open_below(const std::filesystem::path& folder, const std::string& path) {
  base::Fd at = opened(folder);
  for (std::string_view rest = path;;) {
    const auto slash = rest.find('/');
    const std::string name(rest.substr(0, slash));
    const bool last = slash == std::string_view::npos;
    base::Fd next(::openat(at.get(), name.c_str(),
                           O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (last ? 0 : O_DIRECTORY)));
    if (!next)
      throw base::system_error(fmt::format("cannot open a job's file '{}'", base::printable(path, 200)), errno);
    if (last) return next;
    at = std::move(next);
    rest.remove_prefix(slash + 1);
  }
}

// Why a thing is no file of a volume; empty when it is one.
std::string why_not(const Entry& entry) {
  const mode_t mode = entry.status.st_mode;
  if (S_ISLNK(mode)) return "is a symbolic link";
  if (!S_ISREG(mode)) return "is a pipe, a socket or a device";
  if (entry.status.st_nlink > 1) return "has other names too";
  if (!base::is_utf8(entry.path)) return "has a name that is not UTF-8";
  if (entry.path.find(kHalfWritten) != std::string::npos) return "was being written";
  try {
    api::check_volume_path(entry.path);
  } catch (const Error&) {
    return "has a name that no file of a volume may have";
  }
  return {};
}

bool is_untouched(const struct stat& status, std::int64_t size_bytes) {
  return status.st_mtim.tv_sec == kUntouched.tv_sec && status.st_mtim.tv_nsec == kUntouched.tv_nsec &&
         status.st_size == size_bytes;
}

}  // namespace

void VolumeFolder::fill(const Mount& mount, const ObjectFolder& objects) const {
  base::make_folders(folder_);
  Record record{.volume = mount.volume, .boot = boot_of_machine(), .files = {}};
  for (const VolumeContent& file : mount.files) {
    const std::filesystem::path path = folder_ / file.path;
    base::make_folders(path.parent_path());
    const std::filesystem::path object = objects.path_of(file.sha256);
    if (!mount.read_only)
      copy_object(object, path);
    else if (::link(object.c_str(), path.c_str()) != 0)
      throw base::system_error(fmt::format("cannot give '{}' to a job", object.string()), errno);
    record.files.push_back({file.path, file.sha256, file.size_bytes});
  }
  // Last: as long as it is not there, what is missing in the folder was not removed by the job.
  if (!mount.read_only) base::write_file_atomically(this->record(), base::to_text(base::encode(record)));
}

std::optional<Written> VolumeFolder::written() const {
  std::error_code unknown;
  if (!std::filesystem::exists(record(), unknown)) return std::nullopt;
  const auto recorded = base::decode<Record>(base::parse_json(base::read_file(record()), "the record of a volume"));
  if (recorded.boot != boot_of_machine()) {
    base::log_warning("what a job wrote to volume {} before the machine was restarted is not taken", recorded.volume);
    return std::nullopt;
  }
  std::map<std::string, const RecordedFile*> before;
  for (const RecordedFile& file : recorded.files) before[file.path] = &file;
  Written written{.volume = recorded.volume};
  std::size_t left_out = 0;
  std::int64_t entries = 0;
  walk(opened(folder_), "", 1, [&](const Entry& entry) {
    if (++entries > kMostEntries) {
      written.left_out.push_back(fmt::format("more than {} files and folders: what comes after these", kMostEntries));
      return false;
    }
    const auto known = before.find(entry.path);
    const RecordedFile* const was = known == before.end() ? nullptr : known->second;
    if (was != nullptr) before.erase(known);
    if (S_ISDIR(entry.status.st_mode) || (was != nullptr && is_untouched(entry.status, was->size_bytes))) return true;
    if (const std::string why = why_not(entry); !why.empty()) {
      if (++left_out <= kMostLeftOut)
        written.left_out.push_back(fmt::format("'{}', which {}", base::printable(entry.path, 200), why));
      return true;
    }
    written.changed.push_back({entry.path, was == nullptr ? "" : was->sha256, entry.status.st_size});
    return true;
  });
  if (left_out > kMostLeftOut) written.left_out.push_back(fmt::format("{} more", left_out - kMostLeftOut));
  if (entries <= kMostEntries)
    for (const auto& [path, file] : before) written.removed.push_back({path, file->sha256, file->size_bytes});
  written.open = [folder = folder_](const std::string& path) { return open_below(folder, path); };
  return written;
}

std::string VolumeFolder::overflow(std::int64_t limit_bytes, const std::filesystem::path& disk) const {
  struct statvfs status{};
  if (::statvfs(disk.c_str(), &status) == 0 &&
      static_cast<std::int64_t>(status.f_bavail) * static_cast<std::int64_t>(status.f_frsize) < Objects::kKeptFreeBytes)
    return "the server's disk is full, and the job went on writing to its volumes";
  std::int64_t entries = 0, bytes = 0;
  std::string why;
  walk(opened(folder_), "", 1, [&](const Entry& entry) {
    bytes += std::max<std::int64_t>(entry.status.st_blocks * 512, S_ISREG(entry.status.st_mode) ? 0 : 4096);
    if (++entries > kMostEntries) why = fmt::format("it made more than {} files and folders in a volume", kMostEntries);
    if (limit_bytes > 0 && bytes > limit_bytes)
      why = fmt::format("it holds more than {} in a volume, which is what its tenant may still store",
                        base::size_text(limit_bytes));
    if (std::count(entry.path.begin(), entry.path.end(), '/') >= static_cast<std::ptrdiff_t>(api::kVolumePathDepth) - 1)
      why = fmt::format("it made folders in a volume that are over {} deep", api::kVolumePathDepth - 1);
    return why.empty();
  });
  return why;
}

}  // namespace cloud
