#pragma once
#include "base/files.h"

namespace cloud {

/// What jobs may not ask of the kernel, as a program for its seccomp filter: calls that reach beyond the sandbox, that
/// change the machine, or that a training has no use for and that have often held faults. They answer EPERM, or ENOSYS
/// where a program has another way. Errors: unavailable.
base::Fd make_call_filter();

}  // namespace cloud
