#include "cloud/local/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/files.h"

namespace cloud {
namespace {

namespace fs = std::filesystem;

bool write_to(const fs::path& file, std::string_view text) {
  const base::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The group this process is in: of controller `name`, or of v2 for the empty name. Lines of /proc/self/cgroup are
// "4:memory:/user" and "0::/user".
std::string own_group(std::string_view name) {
  std::ifstream stream("/proc/self/cgroup");
  for (std::string line; std::getline(stream, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (name.empty() ? names == ",," : names.find(fmt::format(",{},", name)) != std::string::npos)
      return line.substr(second + 1);
  }
  return "/";
}

std::int64_t number_after(const std::string& text, std::string_view word) {
  const auto found = text.find(word);
  return found == std::string::npos ? 0 : std::atoll(text.c_str() + found + word.size());
}

}  // namespace

std::vector<std::string> Cgroup::procs_files() const {
  std::vector<std::string> files;
  for (const fs::path& folder : folders) files.push_back((folder / "cgroup.procs").string());
  return files;
}

Cgroups::Cgroups() {
  if (try_v2())
    driver_ = Driver::v2;
  else if (try_v1())
    driver_ = Driver::v1;
}

Cgroups::~Cgroups() {
  std::error_code ignored;
  if (driver_ == Driver::none) return;
  fs::remove(cpu_, ignored);  // a group's folder is removed with rmdir, never file by file
  fs::remove(memory_, ignored);
}

bool Cgroups::try_v2() {
  const fs::path parent = fs::path("/sys/fs/cgroup") / fs::path(own_group("")).relative_path();
  const std::string controllers = text_of(parent / "cgroup.controllers");
  if (controllers.find("memory") == std::string::npos || controllers.find("cpu") == std::string::npos) return false;
  if (!write_to(parent / "cgroup.subtree_control", "+memory +cpu")) return false;
  cpu_ = memory_ = parent / fmt::format("ncloud-{}", ::getpid());
  std::error_code error;
  fs::create_directory(cpu_, error);
  return !error && write_to(cpu_ / "cgroup.subtree_control", "+memory +cpu");
}

bool Cgroups::try_v1() {
  const std::string name = fmt::format("ncloud-{}", ::getpid());
  cpu_ = fs::path("/sys/fs/cgroup/cpu") / fs::path(own_group("cpu")).relative_path() / name;
  memory_ = fs::path("/sys/fs/cgroup/memory") / fs::path(own_group("memory")).relative_path() / name;
  std::error_code error;
  fs::create_directory(cpu_, error);
  if (!error) fs::create_directory(memory_, error);
  return !error && ::access((memory_ / "memory.limit_in_bytes").c_str(), W_OK) == 0 &&
         ::access((cpu_ / "cpu.cfs_quota_us").c_str(), W_OK) == 0;
}

std::string_view Cgroups::driver_name() const {
  switch (driver_) {
    case Driver::v2: return "cgroup v2";
    case Driver::v1: return "cgroup v1";
    case Driver::none: break;
  }
  return "none (only per-process limits)";
}

Cgroup Cgroups::make(const std::string& name) const {
  Cgroup group;
  if (driver_ == Driver::v2) group.folders = {cpu_ / name};
  if (driver_ == Driver::v1) group.folders = {cpu_ / name, memory_ / name};
  std::error_code error;
  for (const fs::path& folder : group.folders)
    if (!error) fs::create_directory(folder, error);
  if (error) {
    remove(group);
    group.folders.clear();
  }
  return group;
}

bool Cgroups::limit(const Cgroup& group, int cpus, std::int64_t memory_bytes) const {
  if (group.folders.empty()) return false;
  const std::string bytes = std::to_string(memory_bytes), quota = std::to_string(std::int64_t{cpus} * 100000);
  if (driver_ == Driver::v2)
    return write_to(group.folders[0] / "memory.max", bytes) &&
           write_to(group.folders[0] / "cpu.max", quota + " 100000");
  return write_to(group.folders[1] / "memory.limit_in_bytes", bytes) &&
         write_to(group.folders[0] / "cpu.cfs_quota_us", quota);
}

bool Cgroups::ran_out_of_memory(const Cgroup& group) const {
  if (group.folders.empty()) return false;
  const fs::path events = group.folders.back() / (driver_ == Driver::v2 ? "memory.events" : "memory.oom_control");
  return number_after(text_of(events), "oom_kill ") > 0;
}

void Cgroups::remove(const Cgroup& group) const {
  for (const fs::path& folder : group.folders) {
    // Ended processes leave their group a moment later.
    for (int attempt = 0; attempt < 50 && ::rmdir(folder.c_str()) != 0 && errno == EBUSY; ++attempt)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace cloud
