#include "cloud/local/sandbox.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "cloud/local/process.h"

namespace cloud {
namespace {

constexpr const char* kBubblewrap = "/usr/bin/bwrap";

void add(std::vector<std::string>& arguments, std::initializer_list<std::string> more) {
  arguments.insert(arguments.end(), more);
}

}  // namespace

Sandbox::Sandbox(std::filesystem::path neon, bool walls)
    : neon_(std::filesystem::weakly_canonical(neon)), walls_(walls) {}

std::vector<std::string> Sandbox::wall_arguments() const {
  std::vector<std::string> arguments{kBubblewrap,  "--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
                                     "--cap-drop", "ALL",           "--hostname",        "job",           "--ro-bind",
                                     "/usr",       "/usr"};
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
  add(arguments, {"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"});
  return arguments;
}

void Sandbox::check() const {
  if (::access(neon_.c_str(), X_OK) != 0)
    throw base::Error(
        base::Code::unavailable,
        fmt::format("the program '{}', which jobs run, is not there; name it with --neon", neon_.string()));
  if (!walls_) return;
  std::vector<std::string> command = wall_arguments();
  add(command, {"--", "/usr/bin/true"});
  const ProcessResult result = run_to_end(command, environment());
  if (result.exit_code == 0) return;
  throw base::Error(
      base::Code::unavailable,
      fmt::format("jobs cannot be put into a sandbox: {}. Install bubblewrap (apt-get install bubblewrap) and allow "
                  "user namespaces, or "
                  "start with --no-sandbox if you trust everybody who may submit jobs",
                  result.output.empty() ? fmt::format("'{}' cannot be run", kBubblewrap) : result.output));
}

std::vector<std::string> Sandbox::command(const std::filesystem::path& folder, const std::string& mode) const {
  if (!walls_) return {neon_.string(), mode};
  std::vector<std::string> command = wall_arguments();
  add(command,
      {"--ro-bind", neon_.string(), "/opt/ncloud/neon", "--ro-bind", (folder / "in").string(), "/job/in", "--bind",
       (folder / "out").string(), "/job/out", "--chdir", "/job/out", "--", "/opt/ncloud/neon", mode});
  return command;
}

// GOMP_SPINCOUNT: as in apps/neon/main.cpp, and given here it saves a start.
std::vector<std::string> Sandbox::environment() const {
  return {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "GOMP_SPINCOUNT=10000"};
}

std::string Sandbox::path_inside(const std::filesystem::path& folder, const std::string& file) const {
  return walls_ ? "/job/" + file : (folder / file).string();
}

}  // namespace cloud
