#include "apps/ncloud/data_check.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace ncloud {

using base::Code;
using base::Error;

void check_data(const std::filesystem::path& manifest, const std::filesystem::path& labels,
                const std::filesystem::path& root) {
  std::error_code failure;
  const std::filesystem::path neon = std::filesystem::read_symlink("/proc/self/exe", failure).parent_path() / "neon";
  if (::access(neon.c_str(), X_OK) != 0)
    throw Error(Code::not_found, fmt::format("--check needs the program `neon` beside ncloud, and there is no '{}'; "
                                             "without --check only labels and first bytes are looked at",
                                             neon.string()));
  std::vector<std::string> words{neon.string(), "--check", manifest.string()};
  if (!labels.empty()) words.insert(words.end(), {"--labels", labels.string()});
  if (!root.empty()) words.insert(words.end(), {"--root", root.string()});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (const int error = ::posix_spawn(&child, neon.c_str(), nullptr, nullptr, arguments.data(), environ); error != 0)
    throw base::system_error(fmt::format("cannot start '{}'", neon.string()), error);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw base::system_error(fmt::format("cannot wait for '{}'", neon.string()), errno);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) throw Error(Code::interrupted, "interrupted");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Error(Code::invalid_argument, "nothing was uploaded, because of what was found above");
}

}  // namespace ncloud
