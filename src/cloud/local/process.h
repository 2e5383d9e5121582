#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "wire/process.h"

namespace cloud {

/// A child process and our ends of its pipes.
struct Process {
  pid_t pid = -1;  ///< of its guard, which ends as it ends; also its process group
  bool is_child = true;
  base::Fd control;  ///< its standard input; never blocks
  base::Fd events;   ///< its standard output; never blocks
  base::Fd errors;   ///< its standard error; never blocks
};

/// Where the sandbox finds the filter: beside what the job finds (wire/process.h).
inline constexpr int kChildFilter = wire::kSocket + 1;

/// What lets a job outlive the one who started it, in a folder: named pipes, and the guard's file.
struct Outliving {
  std::filesystem::path folder;  ///< has named pipes "control", "events" and "log"
  std::filesystem::path record;  ///< in it; the job outlives once this file is there, and ends when it is gone
  std::vector<int> claims;       ///< locks that the guard holds as long as the job lives; at most kMaxClaims
  static constexpr std::size_t kMaxClaims = 4;
  std::filesystem::path attended;  ///< a file that whoever looks after jobs has locked (F_OFD_SETLK)
};

struct ProcessStart {
  std::vector<std::string> command;
  std::vector<std::string> environment;
  std::filesystem::path folder;           ///< that it starts in; empty: this process's
  int socket = -1;                        ///< becomes wire::kSocket, when there is one
  int filter = -1;                        ///< a file; becomes kChildFilter, to be read from its beginning
  std::int64_t data_limit_bytes = 0;      ///< of its private memory; 0: none
  std::int64_t file_limit_bytes = 0;      ///< of each file that it writes; 0: none
  std::vector<std::string> cgroup_procs;  ///< files that it is to write itself into
  std::optional<Outliving> outliving;
};

/// Starts a process in a session and process group of its own, below a guard: another child of this process that waits
/// for it and kills the group when the calling *thread* ends, however that comes; so call from one that lives as long
/// as the process. A guard whose job outlives waits for another to look after the job instead. Whoever ends the daemon
/// politely ends its process group or its service, so jobs ignore those signals: the daemon tells them itself. Errors:
/// internal, disk_full. A command that cannot be run ends with wire::kCannotRun.
Process start_process(const ProcessStart& start);

inline constexpr int kPatienceS = 600;  ///< that a job lives on without anybody to look after it

/// The process of a job that somebody started who is gone: its guard lives, and our ends of its pipes are opened anew.
/// Nothing when it has ended. Errors: internal.
std::optional<Process> attach_process(const std::filesystem::path& folder);

/// How a job whose guard is no child of this process has ended, as waitpid() would tell: SIGKILL when its guard was
/// killed with it.
int status_of_ended(const std::filesystem::path& folder);

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
