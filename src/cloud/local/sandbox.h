#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace cloud {

/// The walls around a job (bubblewrap): its own user, process and network namespaces, the system read-only, its inputs
/// read-only, one folder to write to, and nothing of the daemon's environment. It ends with the daemon.
class Sandbox {
 public:
  /// `neon` is the program that jobs run. With `walls` false, jobs are plain child processes.
  Sandbox(std::filesystem::path neon, bool walls);

  /// Tries the walls out. Errors: unavailable, saying what is missing and what to do.
  void check() const;

  /// The command for a job in `folder`, which has the folders in/ and out/.
  std::vector<std::string> command(const std::filesystem::path& folder, const std::string& mode) const;

  /// All of a job's environment.
  std::vector<std::string> environment() const;

  /// How the job sees a file of its folder: "in/train-000000".
  std::string path_inside(const std::filesystem::path& folder, const std::string& file) const;

  bool walls() const { return walls_; }

 private:
  std::vector<std::string> wall_arguments() const;

  std::filesystem::path neon_;
  bool walls_;
};

}  // namespace cloud
