#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"

namespace cloud {

/// What one job has on the disk: in/ with hard links to its objects, which it sees read-only, and out/ with the files
/// that it may write checkpoints to. It makes and removes no file itself. The named pipes that it talks through, which
/// it does not see, and the socket that it answers on let another daemon take it over. Gone when this ends.
class JobFolder {
 public:
  /// Errors: disk_full.
  explicit JobFolder(std::filesystem::path path);

  /// Of a job that an earlier daemon started.
  struct Found {};
  JobFolder(std::filesystem::path path, Found) : path_(std::move(path)) {}
  ~JobFolder() { remove(); }
  JobFolder(const JobFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path out() const { return path_ / "out"; }
  std::filesystem::path volumes() const { return path_ / "volumes"; }
  static std::filesystem::path record_in(const std::filesystem::path& folder) { return folder / "job"; }
  std::filesystem::path record() const { return record_in(path_); }

  /// Errors: disk_full; data_loss when the object is not there.
  void link(const std::filesystem::path& object, const std::string& name) const;

  /// Names in out/ of two files, so that one can be written while the other is taken away. Errors: disk_full.
  std::vector<std::string> make_checkpoint_files() const;

  /// Of a job that serves: what it takes connections from, once. Errors: internal.
  base::Fd make_socket() const;

  /// A connection to that; none where none was made. Errors: unavailable when nobody listens any more.
  base::Fd connect() const;

  /// Whether one of these files has changed since the last call.
  bool is_written();

  /// It stays, for the next daemon.
  void keep() { removed_ = true; }

  /// Once only: afterwards another job may have the path.
  void remove();

 private:
  std::filesystem::path path_;
  bool removed_ = false;
  std::string seen_;  // sizes and times of the files
};

}  // namespace cloud
