#pragma once
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/files.h"

namespace cloud {

/// Files named by the SHA-256 of their bytes: <folder>/ab/cdef…. A file appears whole and durable, or not at all, and
/// is never changed. Threads: any.
class ObjectFolder {
 public:
  explicit ObjectFolder(std::filesystem::path folder);

  std::filesystem::path path_of(std::string_view sha256) const;
  bool has(std::string_view sha256) const;

  /// Errors: disk_full; nothing is left behind then.
  void write(std::string_view sha256, std::string_view bytes);

  /// Copies files that others may be writing to, one behind the other: at most the bytes they have now, into a file of
  /// its own. How many. Errors: data_loss when they are not those of `sha256`; too_large; disk_full; nothing is left
  /// behind then.
  std::int64_t copy(const std::string& sha256, std::span<const base::Fd> files, std::int64_t limit_bytes);

  /// Of the disk it is on.
  std::int64_t free_bytes() const;

  void remove(std::string_view sha256);

  /// Removes temporary files, and files for which `keep(sha256)` is false. How many bytes that freed.
  std::int64_t sweep(const std::function<bool(std::string_view)>& keep);

 private:
  std::filesystem::path prepared(std::string_view sha256);

  std::filesystem::path folder_;
};

}  // namespace cloud
