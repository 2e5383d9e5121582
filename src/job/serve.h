#pragma once
#include "job/events.h"
#include "job/train.h"

namespace job {

/// Loads and warms up a model, emits `ready`, and answers the requests on `socket` (job/frames.h) until it closes.
/// Requests that wait are computed together, up to max_batch; a lone one is never delayed.
/// Errors: those of reading the checkpoint. A request's own faults are answered, not thrown.
void serve(const ServeJob& job, int socket, const Emit& emit);

}  // namespace job
