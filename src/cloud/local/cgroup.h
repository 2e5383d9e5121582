#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace cloud {

/// One job's group of processes, with limits the kernel enforces.
struct Cgroup {
  std::map<std::string, std::filesystem::path> folders;  ///< by controller; with v2 all the same

  /// Files that a process writes itself into to join.
  std::vector<std::string> procs_files() const;
};

/// Kernel limits on jobs, where this process may set them: cgroup v2, else v1, else none.
///
/// With v2 a group that has processes can give no limits to groups below it, so this process moves into a leaf of its
/// own beside those of the jobs, in the group that it was started in: a service's limits hold for its jobs too. It
/// needs to be root, a service with Delegate=yes, or in a login session of systemd, which it asks for a scope.
class Cgroups {
 public:
  enum class Driver { v2, v1, none };

  /// Finds out what is possible, and ends what an earlier daemon that was killed left in its groups.
  Cgroups();
  ~Cgroups();
  Cgroups(const Cgroups&) = delete;

  Driver driver() const { return driver_; }
  std::string_view driver_name() const;

  /// Whether jobs are limited in it: "cpu", "memory", "swap", "pids", "io" (their share beside the daemon's).
  bool limits(std::string_view what) const;

  /// Locks that keep other daemons from ending the jobs of this one: whoever holds them, the jobs are looked after.
  std::vector<int> claims() const;

  /// A group without limits yet. Empty with the driver none. Errors: unavailable.
  Cgroup make(const std::string& name) const;

  /// False when the kernel refuses the limit on memory.
  bool limit(const Cgroup& group, int cpus, std::int64_t memory_bytes) const;

  /// Whether the kernel killed one of its processes for want of memory.
  bool ran_out_of_memory(const Cgroup& group) const;

  /// Ends what is left of its processes.
  static void remove(const Cgroup& group);

 private:
  bool try_v2();
  bool try_v1();
  bool claim(const std::filesystem::path& parent, const std::string& controller);

  Driver driver_ = Driver::none;
  std::string name_;                                      // of the groups that hold the jobs' ones
  std::map<std::string, std::filesystem::path> folders_;  // where jobs' groups go, by controller
  std::vector<base::Fd> claims_;                          // locks that say that this daemon lives
  bool limits_swap_ = false;
};

}  // namespace cloud
