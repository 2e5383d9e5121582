#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

/// An owned file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int value) : value_(value) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : value_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      value_ = other.release();
    }
    return *this;
  }

  int get() const { return value_; }
  explicit operator bool() const { return value_ >= 0; }
  int release() {
    const int value = value_;
    value_ = -1;
    return value;
  }
  void reset();

 private:
  int value_ = -1;
};

/// Errors of all below: system_error() naming the path; disk_full when there is no space.

/// Only files are opened: a named pipe would wait for a writer, and a device may have no end. Errors: also
/// invalid_argument for anything else, naming what it is.
Fd open_for_reading(const std::filesystem::path& path);

/// The same, but gives nothing when `path` itself is a link.
std::optional<Fd> open_unless_link(const std::filesystem::path& path);

/// Opens a file that somebody who is not trusted put into `folder`: a regular file directly in it, under its only name.
/// Follows no link and waits for nothing. Errors: invalid_argument for anything else there.
Fd open_foreign_file(const std::filesystem::path& folder, const std::string& name);

/// Errors: also too_large.
std::string read_file(const Fd& file, const std::filesystem::path& name_in_errors, std::size_t limit_bytes);
std::string read_file(const std::filesystem::path& path, std::size_t limit_bytes = std::size_t{1} << 31);
std::size_t read_some(const Fd& file, std::span<char> buffer);  ///< 0 at the end
void write_all(const Fd& file, std::string_view bytes, std::string_view name_in_errors);

/// Where an open file really is, without links. Errors: system_error() when the system does not tell.
std::filesystem::path real_path(const Fd& file);

/// Makes `path` hold exactly `bytes`, or leaves it as it was: temporary name in the same folder, fsync, rename, fsync
/// of the folder. When this returns, a crash of the process or the machine does not lose it.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Makes an already written temporary file durable under its final name (fsync, rename, fsync of the folder).
void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path);

/// Makes a folder and those above it. False when it was there.
bool make_folders(const std::filesystem::path& folder);

/// Names of what is in a folder, in no order.
std::vector<std::string> names_in(const std::filesystem::path& folder);

/// A file mapped for reading. The bytes stay where they are until the object ends.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  std::string_view bytes() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A folder that is removed with everything in it when the object ends.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string_view prefix = "ncloud");
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// For tests of failing disks: called before every write, fsync and rename with the operation's name and its path; a
/// non-zero return is the errno that the operation then fails with. Pass nullptr to remove it.
using DiskFault = std::function<int(std::string_view operation, const std::filesystem::path& path)>;
void set_disk_fault(DiskFault fault);

}  // namespace base
