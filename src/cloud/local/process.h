#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"

namespace cloud {

/// A child process and our ends of its pipes.
struct Process {
  pid_t pid = -1;
  base::Fd control;  ///< its standard input; never blocks
  base::Fd events;   ///< its standard output; never blocks
  base::Fd errors;   ///< its standard error; never blocks
};

struct ProcessStart {
  std::vector<std::string> command;
  std::vector<std::string> environment;
  int socket = -1;                        ///< becomes its descriptor 3, when there is one
  std::int64_t data_limit_bytes = 0;      ///< of its private memory; 0: none
  std::vector<std::string> cgroup_procs;  ///< files that it is to write itself into
};

/// Starts a process in a process group of its own. It is killed when the calling *thread* ends, so call from one that
/// lives as long as the process. Errors: internal. A command that cannot be run ends with exit code 127.
Process start_process(const ProcessStart& start);

struct ProcessResult {
  int exit_code = 0;
  std::string output;  ///< last line of standard output and error
};

/// Runs a short command to its end.
ProcessResult run_to_end(const std::vector<std::string>& command, const std::vector<std::string>& environment);

}  // namespace cloud
