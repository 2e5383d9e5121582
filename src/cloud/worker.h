#pragma once
#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "wire/event.h"
#include "wire/order.h"

namespace cloud {

/// What a job may use.
struct Limits {
  int cpus = 1;
  std::int64_t memory_bytes = 0;
};

/// A checkpoint is written from memory, so it is not larger than that; something small may be written always.
inline std::int64_t checkpoint_limit_bytes(std::int64_t memory_bytes) {
  return std::max(memory_bytes, std::int64_t{64} << 20);
}

/// A training to carry out. The worker fills in the paths of `job`, because it knows how the job will see them.
struct TrainOrder {
  wire::TrainJob job;
  std::vector<std::filesystem::path> train_shards;
  std::vector<std::filesystem::path> eval_shards;
  std::filesystem::path resume_from;  ///< empty to begin
  Limits limits;
};

struct ServeOrder {
  std::filesystem::path checkpoint;
  int max_batch = 32;
  Limits limits;
};

/// How a job's process ended.
struct JobEnd {
  int exit_code = 0;
  int signal = 0;
  bool out_of_memory = false;   ///< ended because it was over its memory limit
  bool spoke_nonsense = false;  ///< ended because of what it said, which it would say again
  bool never_began = false;     ///< for want of something on this machine that may be there later
  std::string last_words;       ///< last line it wrote to standard error

  std::string text() const;  ///< "signal 9 (Killed)", "exit code 3: cannot …"
};

/// Who hears about a job. Both are called from one thread of the worker, one after the other; nothing follows `end`.
/// `end` may block for as long as it likes.
struct JobListener {
  /// What it throws ends the job: as nonsense with an error of what the job said (invalid_argument, too_large).
  std::function<void(const wire::Event&, const std::filesystem::path& checkpoint_folder)> event;
  std::function<void(const JobEnd&)> end;
};

/// What this worker's jobs are kept from.
struct Protection {
  bool sandbox = true;
  std::string limits_by = "the worker";
  std::vector<std::string> missing;  ///< limits that cannot be had here, for people: "cpu"
};

/// A job's process. Destroying it while the job runs kills the job; its listener still hears of the end.
/// Threads: any. None of the functions waits for the job.
class Job {
 public:
  virtual ~Job() = default;

  /// Asks it to end after a checkpoint of the present step; kills it when that takes longer than `grace_ms`, or, as
  /// long as it is seen to write the checkpoint, three times that.
  virtual void stop(int grace_ms) = 0;
  virtual void kill() = 0;
};

/// Runs jobs: on this machine, or one day elsewhere. Destroying it ends all jobs and waits for their listeners.
class Worker {
 public:
  virtual ~Worker() = default;

  virtual Protection protection() const { return {}; }

  /// What the engine says of a model file: a process in the sandbox reads it. Waits for that. Errors: what is wrong
  /// with the file; unavailable when no process can read it now.
  virtual wire::Checked check(const wire::CheckJob& job) = 0;

  /// Starts a training at once. Errors: disk_full or internal when it cannot be started.
  virtual std::unique_ptr<Job> train(const TrainOrder& order, JobListener listener) = 0;

  /// Starts a process that answers predictions on `socket` once it said `ready` (frames: wire/frames.h).
  virtual std::unique_ptr<Job> serve(const ServeOrder& order, base::Fd& socket, JobListener listener) = 0;
};

}  // namespace cloud
