#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"

namespace wire {

/// Where a job finds an input, and a file that it may write: paths are relative to the folder that it starts in.
inline std::string input_path(std::string_view name) { return "in/" + std::string(name); }
inline std::string output_path(std::string_view name) { return "out/" + std::string(name); }

/// What to train.
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
  std::string start_from;
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
        base::field("start_from", &TrainJob::start_from,
                    "a checkpoint whose weights to begin with, instead of the file's"),
        base::field("memory_bytes", &TrainJob::memory_bytes, "that the process may take; 0: no limit is known"));
  }
};

/// What to serve.
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

/// A model file to check against its data, as far as that can be done without a record.
struct CheckJob {
  std::int64_t number = 0;
  std::string model_file;
  std::string yaml;
  std::optional<std::int64_t> batch_size;
  std::size_t columns = 0;
  std::size_t labels = 0;
  std::string start_header;
  static constexpr auto fields() {
    return std::tuple(
        base::field("number", &CheckJob::number, "of this check, for its answer").at_least(0),
        base::field("model_file", &CheckJob::model_file, "name of the model file, for messages").required(),
        base::field("yaml", &CheckJob::yaml, "its text").required(),
        base::field("batch_size", &CheckJob::batch_size, "instead of the file's"),
        base::field("columns", &CheckJob::columns, "of the records; 0: not known"),
        base::field("labels", &CheckJob::labels, "how many classes have names; 0: not known"),
        base::field("start_header", &CheckJob::start_header,
                    "header of the checkpoint whose weights the training begins with; empty: none is given"));
  }
};

/// A line on the control pipe; one of the members is there. Checks come to a process of their own, up to kChecksAtOnce
/// before an answer; each is answered by an event `checked`, the quick ones before the slow ones.
struct Order {
  std::optional<CheckJob> check;
  std::optional<TrainJob> train;
  std::optional<ServeJob> serve;
  static constexpr auto fields() {
    return std::tuple(base::field("check", &Order::check, "answer what the model file is worth"),
                      base::field("train", &Order::train, "train, from here to the end"),
                      base::field("serve", &Order::serve, "answer predictions, from here to the end"));
  }
};

inline constexpr int kChecksAtOnce = 4;

/// A later line on the control pipe: end the training after a checkpoint of the present step.
inline constexpr std::string_view kStop = "stop";

/// Another, with a number after it: the events up to that one are in safe hands. A job may use the file of a checkpoint
/// again when that is, and ends when its `end` is.
inline constexpr std::string_view kKept = "kept ";

/// Another, with a number after it: somebody new listens, who has the events up to that one. Answered by the event
/// `attached`, after which all events come that are not in safe hands.
inline constexpr std::string_view kAttach = "attach ";

}  // namespace wire
