#pragma once
// The two kinds of job process, which talk as wire/process.h says.

namespace job {

/// Trains what the first line says (wire::TrainJob) and reports wire::Events. Ends at once when standard input closes,
/// because then the one who started it is gone. Returns the exit code: wire::kToldAll also when the training's outcome
/// is an error, because the `end` event says so.
int run_train_process();

/// Serves what the first line says (wire::ServeJob) on wire::kSocket, until it closes.
int run_serve_process();

}  // namespace job
