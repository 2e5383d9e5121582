#include "cloud/local/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "base/environment.h"
#include "base/error.h"
#include "base/sha256.h"
#include "cloud/local/process.h"

namespace cloud {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "ncloud-jobs-";  // of groups that hold a daemon's jobs
constexpr std::string_view kLeaf = "ncloud-daemon";   // with v2, where what was in the parent group goes
constexpr int kProcesses = 256, kProcessesPerCpu = 16;
const fs::path kRoot = "/sys/fs/cgroup";

bool write_to(const fs::path& file, std::string_view text) {
  const base::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> words_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istream_iterator<std::string>(stream), {}};
}

// The group this process is in: of controller `name`, or of v2 for the empty name. Lines of /proc/self/cgroup are
// "4:memory:/user" and "0::/user".
fs::path own_group(std::string_view name) {
  std::ifstream stream("/proc/self/cgroup");
  for (std::string line; std::getline(stream, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (name.empty() ? names == ",," : names.find(fmt::format(",{},", name)) != std::string::npos)
      return fs::path(line.substr(second + 1)).relative_path();
  }
  return {};
}

std::int64_t number_after(const std::string& text, std::string_view word) {
  const auto found = text.find(word);
  return found == std::string::npos ? 0 : std::atoll(text.c_str() + found + word.size());
}

// A group is removed with rmdir, never file by file, once its processes have ended; they leave it a moment later.
void end_group(const fs::path& folder) {
  for (int attempt = 0; attempt < 100 && ::rmdir(folder.c_str()) != 0 && errno == EBUSY; ++attempt) {
    for (const std::string& pid : words_of(folder / "cgroup.procs"))
      if (const int number = std::atoi(pid.c_str()); number > 1) ::kill(number, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::vector<fs::path> groups_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (it->is_directory(error)) found.push_back(it->path());
  return found;
}

base::Fd lock_of(const fs::path& folder) {
  base::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd) : base::Fd();
}

// Groups whose daemon was killed: nobody has their locks.
void sweep(const fs::path& parent) {
  for (const fs::path& left : groups_in(parent)) {
    if (!left.filename().string().starts_with(kPrefix) || !lock_of(left)) continue;
    for (const fs::path& job : groups_in(left)) end_group(job);
    end_group(left);
  }
}

void move_processes(const fs::path& from, const fs::path& to) {
  for (int round = 0; round < 10; ++round) {  // some may be starting others
    const auto pids = words_of(from / "cgroup.procs");
    if (pids.empty()) return;
    for (const std::string& pid : pids) write_to(to / "cgroup.procs", pid);
  }
}

// In a login session, the session's group belongs to root, but the user's own systemd gives away groups.
void ask_for_a_scope() {
  const char* runtime = base::environment("XDG_RUNTIME_DIR");
  const fs::path before = own_group("");
  if (runtime == nullptr || before.extension() != ".scope" || ::access("/usr/bin/busctl", X_OK) != 0) return;
  const std::string pid = std::to_string(::getpid());
  run_to_end({"/usr/bin/busctl", "--user", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
              "org.freedesktop.systemd1.Manager", "StartTransientUnit", "ssa(sv)a(sa(sv))",
              fmt::format("ncloud-{}.scope", pid), "fail", "2", "PIDs", "au", "1", pid, "Delegate", "b", "true", "0"},
             {fmt::format("XDG_RUNTIME_DIR={}", runtime)});
  for (int i = 0; i < 100 && own_group("") == before; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace

std::vector<std::string> Cgroup::procs_files() const {
  std::set<std::string> files;
  for (const auto& [controller, folder] : folders) files.insert((folder / "cgroup.procs").string());
  return {files.begin(), files.end()};
}

Cgroups::Cgroups() : name_(fmt::format("{}{}-{}", kPrefix, ::getpid(), base::hex(base::random_bytes(3)))) {
  if (try_v2())
    driver_ = Driver::v2;
  else if (try_v1())
    driver_ = Driver::v1;
}

Cgroups::~Cgroups() {
  for (const auto& [controller, folder] : folders_) ::rmdir(folder.c_str());
}

// Makes the group that the jobs' groups of a controller go into.
bool Cgroups::claim(const fs::path& parent, const std::string& controller) {
  const fs::path folder = parent / name_;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return false;
  if (base::Fd lock = lock_of(folder)) claims_.push_back(std::move(lock));
  folders_[controller] = folder;
  return true;
}

bool Cgroups::try_v2() {
  if (::access((kRoot / "cgroup.controllers").c_str(), R_OK) != 0) return false;
  if (::access((kRoot / own_group("") / "cgroup.procs").c_str(), W_OK) != 0) ask_for_a_scope();
  fs::path parent = kRoot / own_group("");
  if (parent.filename() == kLeaf) parent = parent.parent_path();
  sweep(parent);
  const std::vector<std::string> wanted{"cpu", "memory", "pids", "io"};
  // The groups above give on what they have; systemd asks for what it needs itself only. For root.
  fs::path above = kRoot;
  for (const fs::path& step : fs::relative(parent, kRoot)) {
    for (const std::string& controller : wanted) write_to(above / "cgroup.subtree_control", "+" + controller);
    above /= step;
  }
  const auto offered = words_of(parent / "cgroup.controllers");
  const auto has = [&](const std::string& controller) {
    return std::find(offered.begin(), offered.end(), controller) != offered.end();
  };
  if ((!has("cpu") && !has("memory")) || ::access((parent / "cgroup.subtree_control").c_str(), W_OK) != 0) return false;
  const fs::path leaf = parent / kLeaf;
  if (fs::exists(parent / "cgroup.type")) {  // only the root of all may have both processes and groups with limits
    if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST) return false;
    move_processes(parent, leaf);
  }
  for (const std::string& controller : wanted) {
    const std::string on = "+" + controller;
    if (has(controller) && write_to(parent / "cgroup.subtree_control", on) && claim(parent, controller) &&
        !write_to(folders_[controller] / "cgroup.subtree_control", on))
      folders_.erase(controller);
  }
  // However busy the jobs are, the daemon answers.
  write_to(leaf / "cpu.weight", "1000");
  write_to(leaf / "io.weight", "1000");
  limits_swap_ = folders_.contains("memory");
  return folders_.contains("cpu") || folders_.contains("memory");
}

bool Cgroups::try_v1() {
  const std::pair<std::string, std::string> probes[] = {
      {"cpu", "cpu.cfs_quota_us"}, {"memory", "memory.limit_in_bytes"}, {"pids", "cgroup.procs"}};
  for (const auto& [controller, file] : probes) {
    const fs::path parent = kRoot / controller / own_group(controller);
    sweep(parent);
    if (claim(parent, controller) && ::access((folders_[controller] / file).c_str(), W_OK) != 0) {
      ::rmdir(folders_[controller].c_str());
      folders_.erase(controller);
    }
  }
  if (folders_.contains("memory"))
    limits_swap_ = ::access((folders_["memory"] / "memory.memsw.limit_in_bytes").c_str(), W_OK) == 0;
  return folders_.contains("cpu") || folders_.contains("memory");
}

std::vector<int> Cgroups::claims() const {
  std::vector<int> fds;
  for (const base::Fd& claim : claims_) fds.push_back(claim.get());
  return fds;
}

std::string_view Cgroups::driver_name() const {
  switch (driver_) {
    case Driver::v2: return "cgroup v2";
    case Driver::v1: return "cgroup v1";
    case Driver::none: break;
  }
  return "each process alone";
}

bool Cgroups::limits(std::string_view what) const {
  if (driver_ == Driver::none) return false;
  return what == "swap" ? limits_swap_ : folders_.contains(std::string(what));
}

Cgroup Cgroups::make(const std::string& name) const {
  Cgroup group;
  if (driver_ == Driver::none) return group;
  for (const auto& [controller, parent] : folders_) {
    const fs::path folder = parent / name;
    if (::mkdir(folder.c_str(), 0755) != 0 && (errno != EEXIST || driver_ != Driver::v2)) {
      const int why = errno;
      remove(group);
      throw base::Error(base::Code::unavailable,
                        base::system_error(fmt::format("cannot make the group '{}'", folder.string()), why).message);
    }
    group.folders[controller] = folder;
  }
  return group;
}

bool Cgroups::limit(const Cgroup& group, int cpus, std::int64_t memory_bytes) const {
  const auto set = [&](const std::string& controller, std::string_view v2, std::string_view v1,
                       std::string_view value) {
    const auto folder = group.folders.find(controller);
    const std::string_view file = driver_ == Driver::v2 ? v2 : v1;
    return folder != group.folders.end() && (file.empty() || write_to(folder->second / file, value));
  };
  const std::string bytes = std::to_string(memory_bytes), quota = std::to_string(std::int64_t{cpus} * 100000);
  set("cpu", "cpu.max", "cpu.cfs_quota_us", driver_ == Driver::v2 ? quota + " 100000" : quota);
  set("pids", "pids.max", "pids.max", std::to_string(kProcesses + kProcessesPerCpu * cpus));
  const bool held = set("memory", "memory.max", "memory.limit_in_bytes", bytes);
  set("memory", "memory.swap.max", "memory.memsw.limit_in_bytes", driver_ == Driver::v2 ? "0" : bytes);
  set("memory", "memory.oom.group", "", "1");
  return held;
}

bool Cgroups::ran_out_of_memory(const Cgroup& group) const {
  const auto folder = group.folders.find("memory");
  if (folder == group.folders.end()) return false;
  return number_after(text_of(folder->second / (driver_ == Driver::v2 ? "memory.events" : "memory.oom_control")),
                      "oom_kill ") > 0;
}

void Cgroups::remove(const Cgroup& group) {
  for (const auto& [controller, folder] : group.folders) end_group(folder);
}

}  // namespace cloud
