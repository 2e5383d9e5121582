#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace cloud {

/// A folder of this machine, and where a job finds it.
struct BoundFolder {
  std::filesystem::path folder;
  std::string place;
  bool read_only = false;
};

/// The walls around a job (bubblewrap): its own user, process and network namespaces, a filter of system calls,
/// everything read-only, and nothing of the daemon's environment. On the disk it can write to two files for checkpoints
/// and make no others, but in the volumes that it is given; /tmp is small and in memory. It ends with the daemon.
class Sandbox {
 public:
  /// `neon` is the program that jobs run. With `walls` false, jobs are plain child processes.
  Sandbox(std::filesystem::path neon, bool walls);

  /// Tries the walls out. Errors: unavailable, saying what is missing and what to do.
  void check() const;

  /// The command for a job in `folder`, which has the folders in/ and out/; it can write to these files of out/. With
  /// `limits_processes`, to be started when no cgroup does that.
  std::vector<std::string> command(const std::filesystem::path& folder, std::string_view mode,
                                   const std::vector<std::string>& out_files, const std::vector<BoundFolder>& volumes,
                                   bool limits_processes) const;

  /// All of a job's environment.
  std::vector<std::string> environment() const;

  bool walls() const { return walls_; }

  /// The descriptor of the filter, for ProcessStart; -1 without walls.
  int filter() const { return filter_ ? filter_->get() : -1; }

 private:
  std::vector<std::string> wall_arguments() const;

  std::filesystem::path neon_;
  bool walls_;
  std::shared_ptr<base::Fd> filter_;  // no copy of this changes it
};

}  // namespace cloud
