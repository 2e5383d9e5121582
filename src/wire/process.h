#pragma once
#include <string_view>

// How a job process and the one that starts it talk. The starter writes orders (order.h) to the control pipe,
// one a line, and may write words after a training's; the job writes one event a line (event.h) and ends with `end`.
// What it writes to the log pipe is for people. A job ends at once when the control pipe closes: then nobody waits for
// it.

namespace wire {

/// The only argument of the program: whether its only order is to train or to serve, or whether it answers any number
/// of orders to check.
inline constexpr std::string_view kTrainMode = "--job", kServeMode = "--serve", kCheckMode = "--checker";

/// What a job finds open. kSocket listens, of a serving job: once it has said `ready` it answers (frames.h) one caller
/// after the other.
inline constexpr int kControl = 0, kEvents = 1, kLog = 2, kSocket = 3;

/// Exit codes of a job; anything else, and every signal, is a crash. kToldAll: its last event says how it ended.
/// kUnheard: nobody read its events any more. kCannotRun: the program could not be started.
inline constexpr int kToldAll = 0, kUnheard = 1, kCannotRun = 127;

}  // namespace wire
