#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

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

  /// Takes a file of the same file system over; it is gone from where it was.
  void adopt(std::string_view sha256, const std::filesystem::path& file);

  void remove(std::string_view sha256);

  /// Removes temporary files, and files for which `keep(sha256)` is false. How many bytes that freed.
  std::int64_t sweep(const std::function<bool(std::string_view)>& keep);

 private:
  std::filesystem::path prepared(std::string_view sha256);

  std::filesystem::path folder_;
};

}  // namespace cloud
