#include "cloud/local/sandbox.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "cloud/local/filter.h"
#include "cloud/local/process.h"

namespace cloud {
namespace {

constexpr const char* kBubblewrap = "/usr/bin/bwrap";
constexpr const char* kMemoryFolderBytes = "67108864";  // of /tmp and of /dev/shm, 64 MiB each
constexpr const char* kProcesses = "1024";

void add(std::vector<std::string>& arguments, std::initializer_list<std::string> more) {
  arguments.insert(arguments.end(), more);
}

}  // namespace

Sandbox::Sandbox(std::filesystem::path neon, bool walls)
    : neon_(std::filesystem::weakly_canonical(neon)), walls_(walls) {
  if (walls_) filter_ = std::make_shared<base::Fd>(make_call_filter());
}

std::vector<std::string> Sandbox::wall_arguments() const {
  std::vector<std::string> arguments{
      kBubblewrap,  "--unshare-all", "--die-with-parent", "--clearenv", "--cap-drop", "ALL",
      "--hostname", "job",           "--ro-bind",         "/usr",       "/usr"};
  // On most systems these are links into /usr.
  for (const std::string name : {"lib", "lib64", "lib32", "bin", "sbin"}) {
    const std::filesystem::path path = "/" + name;
    if (std::filesystem::is_symlink(path))
      add(arguments, {"--symlink", std::filesystem::read_symlink(path).string(), path.string()});
    else
      add(arguments, {"--ro-bind-try", path.string(), path.string()});
  }
  for (const std::string path : {"/etc/ld.so.cache", "/etc/alternatives", "/sys/devices/system/cpu"})
    add(arguments, {"--ro-bind-try", path, path});
  for (const std::string& variable : environment()) {
    const auto equals = variable.find('=');
    add(arguments, {"--setenv", variable.substr(0, equals), variable.substr(equals + 1)});
  }
  add(arguments,
      {"--proc", "/proc", "--dev", "/dev", "--size", kMemoryFolderBytes, "--tmpfs", "/dev/shm", "--size",
       kMemoryFolderBytes, "--tmpfs", "/tmp", "--remount-ro", "/dev", "--seccomp", std::to_string(kChildFilter)});
  return arguments;
}

void Sandbox::check() const {
  if (::access(neon_.c_str(), X_OK) != 0)
    throw base::Error(
        base::Code::unavailable,
        fmt::format("the program '{}', which jobs run, is not there; name it with --neon", neon_.string()));
  if (!walls_) return;
  std::vector<std::string> command = wall_arguments();
  add(command, {"--remount-ro", "/", "--", "/usr/bin/true"});
  const ProcessResult result = run_to_end(command, environment(), filter());
  if (result.exit_code == 0) return;
  throw base::Error(
      base::Code::unavailable,
      fmt::format("jobs cannot be put into a sandbox: {}. Install bubblewrap (apt-get install bubblewrap) and allow "
                  "user namespaces, or "
                  "start with --no-sandbox if you trust everybody who may submit jobs",
                  result.output.empty() ? fmt::format("'{}' ended with exit code {}", kBubblewrap, result.exit_code)
                                        : result.output));
}

std::vector<std::string> Sandbox::command(const std::filesystem::path& folder, std::string_view mode,
                                          const std::vector<std::string>& out_files,
                                          const std::vector<BoundFolder>& volumes, bool limits_processes) const {
  if (!walls_) return {neon_.string(), std::string(mode)};
  std::vector<std::string> command = wall_arguments();
  add(command, {"--ro-bind", neon_.string(), "/opt/ncloud/neon", "--ro-bind", (folder / "in").string(), "/job/in",
                "--dir", "/job/out"});
  for (const std::string& file : out_files)
    add(command, {"--bind", (folder / "out" / file).string(), "/job/out/" + file});
  for (const BoundFolder& volume : volumes)
    add(command, {volume.read_only ? "--ro-bind" : "--bind", volume.folder.string(), volume.place});
  add(command, {"--remount-ro", "/", "--chdir", "/job", "--"});
  // Counted in the job's own user namespace, so other processes of this user do not matter.
  if (limits_processes) add(command, {"/usr/bin/prlimit", fmt::format("--nproc={}", kProcesses)});
  add(command, {"/opt/ncloud/neon", std::string(mode)});
  return command;
}

// GOMP_SPINCOUNT: as in apps/neon/main.cpp, and given here it saves a start.
std::vector<std::string> Sandbox::environment() const {
  return {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "GOMP_SPINCOUNT=10000"};
}

}  // namespace cloud
