#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cloud {

/// One job's group of processes, with limits the kernel enforces.
struct Cgroup {
  std::vector<std::filesystem::path> folders;

  /// Files that a process writes itself into to join.
  std::vector<std::string> procs_files() const;
};

/// Kernel limits on memory and CPU of jobs, where this process may set them: cgroup v2, else v1, else none.
class Cgroups {
 public:
  enum class Driver { v2, v1, none };

  /// Finds out what is possible by making and removing a group.
  Cgroups();
  ~Cgroups();
  Cgroups(const Cgroups&) = delete;

  Driver driver() const { return driver_; }
  std::string_view driver_name() const;

  /// A group without limits yet. Empty with the driver none, and when the kernel refuses.
  Cgroup make(const std::string& name) const;

  /// False when the kernel refuses.
  bool limit(const Cgroup& group, int cpus, std::int64_t memory_bytes) const;

  /// Whether the kernel killed one of its processes for want of memory.
  bool ran_out_of_memory(const Cgroup& group) const;

  /// Its processes must have ended.
  void remove(const Cgroup& group) const;

 private:
  bool try_v2();
  bool try_v1();

  Driver driver_ = Driver::none;
  std::filesystem::path cpu_, memory_;  // where jobs' groups go; the same folder with v2
};

}  // namespace cloud
