#pragma once
// The two kinds of job process: told by JSON lines on standard input, reporting JSON lines on standard output.

namespace job {

/// Trains what the first line says (TrainJob) and reports Events. Ends at once when standard input closes, because then
/// the one who started it is gone. Returns the exit code: 0 also when the training's outcome is an error (the `end`
/// event says so), anything else is a crash.
int run_train_process();

/// Serves what the first line says (ServeJob) on the socket that is file descriptor 3, until it closes.
int run_serve_process();

}  // namespace job
