#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "wire/process.h"

namespace cloud {

/// A child process and our ends of its pipes.
struct Process {
  pid_t pid = -1;    ///< of its guard, which ends as it ends; also its process group
  base::Fd control;  ///< its standard input; never blocks
  base::Fd events;   ///< its standard output; never blocks
  base::Fd errors;   ///< its standard error; never blocks
};

/// Where the sandbox finds the filter: beside what the job finds (wire/process.h).
inline constexpr int kChildFilter = wire::kSocket + 1;

struct ProcessStart {
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::filesystem::path folder;           ///< that it starts in; empty: this process's
  int socket = -1;                        ///< becomes wire::kSocket, when there is one
  int filter = -1;                        ///< a file; becomes kChildFilter, to be read from its beginning
  std::int64_t data_limit_bytes = 0;      ///< of its private memory; 0: none
  std::int64_t file_limit_bytes = 0;      ///< of each file that it writes; 0: none
  std::vector<std::string> cgroup_procs;  ///< files that it is to write itself into
};

/// Starts a process in a session and process group of its own, below a guard: another child of this process that waits
/// for it and kills the group when the calling *thread* ends, however that comes. So call from one that lives as long
/// as the process. Whoever ends the daemon politely ends its process group or its service, so jobs ignore those
/// signals: the daemon tells them itself. Errors: internal, disk_full. A command that cannot be run ends with
/// wire::kCannotRun.
Process start_process(const ProcessStart& start);

/// With all of its group. Before it has been waited for.
void kill_process(const Process& process);

struct ProcessResult {
  int exit_code = 0;
  std::string output;  ///< last line of standard error
};

/// Runs a short command to its end; `filter` as in ProcessStart.
ProcessResult run_to_end(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                         int filter = -1);

}  // namespace cloud
