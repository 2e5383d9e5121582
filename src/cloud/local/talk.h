#pragma once
#include <functional>

#include "cloud/local/running_job.h"

namespace cloud {

/// Talks with a job's process until it has ended and everything it said is heard: says what is in the job's outbox,
/// tells each event, keeps the last words, and kills it when its time is over. Errors: unavailable when it cannot be
/// watched.
JobEnd talk(Process process, RunningJob& job, std::function<void(const wire::Event&)> tell);

}  // namespace cloud
