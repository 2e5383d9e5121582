#pragma once
#include "job/train.h"
#include "wire/order.h"

namespace job {

/// Loads and warms up a model, emits `ready`, and answers the requests (wire/frames.h) of whoever connects to
/// `listener`, one caller after the other, for ever. Requests that wait are computed together, up to max_batch; a lone
/// one is never delayed.
/// Errors: those of reading the checkpoint; internal. A request's own faults are answered, not thrown.
void serve(const wire::ServeJob& job, int listener, const Emit& emit);

}  // namespace job
