#pragma once
#include <atomic>
#include <functional>
#include <optional>

#include "job/data.h"
#include "neon/checkpoint.h"
#include "neon/trainer.h"
#include "wire/event.h"

namespace job {

using Emit = std::function<void(const wire::Event&)>;

/// One training, ready to run.
struct Training {
  neon::ModelSpec spec;
  DatasetSection section;
  Data data;
  std::uint64_t seed = 0;
  int threads = 1;
  std::int64_t memory_bytes = 0;  ///< that the process may take; 0: no limit is known
  std::optional<neon::Checkpoint> resume_from;
  std::optional<neon::Checkpoint>
      start_from;  ///< the model that start_from names, there or in the spec; not used when resuming
  std::optional<std::int64_t> checkpoint_every;  ///< epochs between checkpoints; 0: only at the end and when stopped
  std::optional<std::int64_t> evaluate_every;    ///< epochs between evaluations; 0: none. Absent: as callbacks say
  neon::TrainingEvents* listener = nullptr;      ///< hears everything that the trainer tells

  /// Makes a checkpoint durable. It has the position of the next step.
  std::function<void(const neon::Checkpoint&)> save;
};

/// Trains to the end of the spec's epochs, or until `stop` becomes true: then it saves a checkpoint of the present
/// step. Events: step (at most ten a second), epoch, and those of `save`.
/// Errors: everything that can be wrong with model, data or numbers; messages end with the model file's line.
wire::Outcome train(const Training& training, const Emit& emit, const std::atomic<bool>& stop);

}  // namespace job
