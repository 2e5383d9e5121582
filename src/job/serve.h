#pragma once
#include "job/train.h"
#include "wire/order.h"

namespace job {

/// Loads and warms up a model, emits `ready`, and answers the requests on `socket` (wire/frames.h) until it closes.
/// Requests that wait are computed together, up to max_batch; a lone one is never delayed.
/// Errors: those of reading the checkpoint. A request's own faults are answered, not thrown.
void serve(const wire::ServeJob& job, int socket, const Emit& emit);

}  // namespace job
