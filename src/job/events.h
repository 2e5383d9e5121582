#pragma once
// What a job process and the one that started it say to each other: one JSON object per line.
#include <optional>
#include <string>
#include <vector>

#include "base/fields.h"

namespace job {

/// First line on the control pipe of `neon --job`. Paths are as the job sees them.
struct TrainJob {
  std::string model_file;
  std::string yaml;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> batch_size;
  std::uint64_t seed = 0;
  int threads = 1;
  std::vector<std::string> train_shards;
  std::vector<std::string> eval_shards;
  std::vector<std::string> labels;
  std::vector<std::string> checkpoint_files;
  std::int64_t file_limit_bytes = 0;
  std::string resume_from;
  std::int64_t memory_bytes = 0;
  static constexpr auto fields() {
    return std::tuple(
        base::field("model_file", &TrainJob::model_file, "name of the model file, for messages").required(),
        base::field("yaml", &TrainJob::yaml, "its text").required(),
        base::field("epochs", &TrainJob::epochs, "instead of the file's"),
        base::field("batch_size", &TrainJob::batch_size, "instead of the file's"),
        base::field("seed", &TrainJob::seed, "of all random numbers"),
        base::field("threads", &TrainJob::threads, "of the engine").range(1, 4096),
        base::field("train_shards", &TrainJob::train_shards, "shard files, in record order"),
        base::field("eval_shards", &TrainJob::eval_shards, "shard files; none: no evaluation"),
        base::field("labels", &TrainJob::labels, "names of the classes"),
        base::field("checkpoint_files", &TrainJob::checkpoint_files,
                    "where checkpoints go, in turn; each is there and may be written again once its checkpoint is kept")
            .required(),
        base::field("file_limit_bytes", &TrainJob::file_limit_bytes, "of each of them; 0: none").at_least(0),
        base::field("resume_from", &TrainJob::resume_from, "a checkpoint to go on from; empty to begin"),
        base::field("memory_bytes", &TrainJob::memory_bytes, "that the process may take; 0: no limit is known"));
  }
};

/// First line on the control pipe of `neon --serve`.
struct ServeJob {
  std::string checkpoint;
  int threads = 1;
  int max_batch = 32;
  std::int64_t memory_bytes = 0;
  static constexpr auto fields() {
    return std::tuple(
        base::field("checkpoint", &ServeJob::checkpoint, "the model").required(),
        base::field("threads", &ServeJob::threads, "of the engine").range(1, 4096),
        base::field("max_batch", &ServeJob::max_batch, "requests that are computed together at most").range(1, 4096),
        base::field("memory_bytes", &ServeJob::memory_bytes, "that the process may take; 0: no limit is known"));
  }
};

/// A later line on the control pipe: end the training after a checkpoint of the present step.
inline constexpr std::string_view kStop = "stop";

/// Another: one more checkpoint, in the order in which they were announced, is in safe hands.
inline constexpr std::string_view kKept = "kept";

enum class EventKind { ready, step, epoch, checkpoint, log, end };
constexpr auto enumerators(EventKind) {
  return std::array{std::pair{EventKind::ready, "ready"}, std::pair{EventKind::step, "step"},
                    std::pair{EventKind::epoch, "epoch"}, std::pair{EventKind::checkpoint, "checkpoint"},
                    std::pair{EventKind::log, "log"},     std::pair{EventKind::end, "end"}};
}

enum class Outcome { completed, stopped, error };
constexpr auto enumerators(Outcome) {
  return std::array{std::pair{Outcome::completed, "completed"}, std::pair{Outcome::stopped, "stopped"},
                    std::pair{Outcome::error, "error"}};
}

/// More than any training has of anything, and far from where sums overflow.
inline constexpr double kMostCounted = 1e15, kMostEpochs = 1e9;

/// One line of a job's event pipe. Which members are there depends on the kind.
struct Event {
  EventKind kind = EventKind::log;
  std::optional<std::int64_t> epoch;  ///< from 0
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> batch;  ///< done in this epoch
  std::optional<std::int64_t> batches;
  std::optional<std::int64_t> step;  ///< done since the beginning of training
  std::optional<double> cost;
  std::optional<double> eval_cost;
  std::optional<base::json::object> metrics;
  std::optional<double> seconds;
  std::optional<double> images_per_s;
  std::optional<double> eta_s;
  std::optional<std::string> file;  ///< of a checkpoint: name of one of the checkpoint files
  std::optional<std::string> sha256;
  std::optional<Outcome> outcome;
  std::optional<std::string> code;  ///< of an error, as base::kind_of names it
  std::optional<std::string> text;  ///< log line, or the error's message
  static constexpr auto fields() {
    return std::tuple(
        base::field("kind", &Event::kind, "what happened").required(),
        base::field("epoch", &Event::epoch, "from 0").range(0, kMostEpochs),
        base::field("epochs", &Event::epochs, "asked for").range(0, kMostEpochs),
        base::field("batch", &Event::batch, "done in this epoch").range(0, kMostCounted),
        base::field("batches", &Event::batches, "in an epoch").range(0, kMostCounted),
        base::field("step", &Event::step, "done in all").range(0, kMostCounted),
        base::field("cost", &Event::cost, "step: mean of the last 10 batches; epoch: of the epoch"),
        base::field("eval_cost", &Event::eval_cost, "on the evaluation data"),
        base::field("metrics", &Event::metrics, "on the evaluation data, by name"),
        base::field("seconds", &Event::seconds, "of training in this epoch"),
        base::field("images_per_s", &Event::images_per_s, "records trained per second"),
        base::field("eta_s", &Event::eta_s, "estimated seconds to the end"),
        base::field("file", &Event::file, "name of the checkpoint's file"),
        base::field("sha256", &Event::sha256, "of that file"), base::field("outcome", &Event::outcome, "how it ended"),
        base::field("code", &Event::code, "of an error"), base::field("text", &Event::text, "for people"));
  }
};

}  // namespace job
