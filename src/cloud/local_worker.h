#pragma once
#include <filesystem>
#include <memory>

#include "cloud/worker.h"

namespace cloud {

/// A worker that runs jobs as child processes on this machine. `folder` is emptied and must be on the file system of
/// the daemon's `objects`; `neon` is the program that jobs run; without `walls` they are not put into a sandbox.
/// Errors: unavailable when the sandbox or the program cannot be used, with what to do.
std::unique_ptr<Worker> make_local_worker(const std::filesystem::path& folder, const std::filesystem::path& objects,
                                          const std::filesystem::path& neon, bool walls);

}  // namespace cloud
