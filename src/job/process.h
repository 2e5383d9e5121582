#pragma once
// The kinds of job process, which talk as wire/process.h says.

namespace job {

/// Waits for the order to train, warmed up, then trains and reports that. Ends at once when
/// standard input closes, because then the one who started it is gone. Returns the exit code: wire::kToldAll also when
/// the training's outcome is an error, because the `end` event says so.
int run_train_process();

/// Serves what is ordered to those who connect to wire::kSocket, until standard input closes.
int run_serve_process();

/// Answers orders to check (job/checking.h), until standard input closes.
int run_check_process();

}  // namespace job
