#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "wire/event.h"
#include "wire/order.h"
#include "wire/process.h"

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

/// Bytes that a job reads as wire::input_path(name).
struct Input {
  std::string name;
  std::string sha256;
};

/// A file of a volume, as a job finds it or left it.
struct VolumeContent {
  std::string path;
  std::string sha256;
  std::int64_t size_bytes = 0;
};

/// A volume that a job finds as a folder. With `read_only` it can write nothing there; else it writes to copies, and
/// its listener hears what became of them.
struct Mount {
  std::int64_t volume = 0;
  std::string place;  ///< absolute path of the folder
  bool read_only = false;
  std::vector<VolumeContent> files;
};

/// What a job that has ended left in a volume.
struct Written {
  std::int64_t volume = 0;
  std::vector<VolumeContent> changed;  ///< the hash is of what was there before; empty for a new file
  std::vector<VolumeContent> removed;
  std::vector<std::string> left_out;  ///< what is no file: "'x', which is a symbolic link"
  /// One of `changed`. Errors: when it cannot be read.
  std::function<base::Fd(const std::string& path)> open;
};

/// A job to carry out: it names objects, and the worker fetches those that it lacks.
struct Order {
  std::string id;       ///< unique for ever; a job that has one outlives this daemon
  wire::Order program;  ///< to train or to serve; the worker adds the limits and the files for checkpoints
  std::vector<Input> inputs;
  std::vector<Mount> mounts;
  std::int64_t mount_limit_bytes = 0;  ///< that each mount which can be written may hold; 0: none
  std::shared_ptr<void> keeps;         ///< what the objects of the mounts need until the job has begun
  Limits limits;

  /// The path of an input that is added hereby.
  std::string add(std::string name, std::string sha256) {
    std::string path = wire::input_path(name);
    inputs.push_back({std::move(name), std::move(sha256)});
    return path;
  }
};

/// How a job's process ended.
struct JobEnd {
  int exit_code = 0;
  int signal = 0;
  bool out_of_memory = false;   ///< ended because it was over its memory limit
  bool spoke_nonsense = false;  ///< ended because of what it said, which it would say again
  bool wrote_too_much = false;  ///< ended because of what it wrote to its mounts
  bool never_began = false;     ///< for want of something on this machine that may be there later
  std::string last_words;       ///< last line it wrote to standard error

  bool said_all() const { return signal == 0 && exit_code == wire::kToldAll; }
  std::string text() const;  ///< "signal 9 (Killed)", "exit code 3: cannot …"
};

/// Who hears about a job. All are called from one thread of the worker, one after the other; nothing follows `end`.
/// `end` may block for as long as it likes.
struct JobListener {
  /// What these throw ends the job: as nonsense with an error of what the job said (invalid_argument, too_large).
  std::function<void(const wire::Event&)> event;
  /// The bytes are a regular file's, which the job may still be writing to. The job may use it again afterwards.
  std::function<void(const wire::Event&, const base::Fd& bytes)> checkpoint;
  /// Before `end`, once for each mount that the job could write to. When it throws, the worker keeps what was written
  /// for the next daemon.
  std::function<void(const Written&)> written = {};
  std::function<void(const JobEnd&)> end = {};
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

  /// Of a job that serves, once: where predictions go (wire/frames.h) when it has said `ready`.
  virtual base::Fd take_channel() { return {}; }
};

/// Runs jobs: on this machine, or one day elsewhere. Destroying it ends all jobs and waits for their listeners.
class Worker {
 public:
  virtual ~Worker() = default;

  virtual Protection protection() const { return {}; }

  /// What the engine says of a model file: a process in the sandbox reads it. Waits for that. Errors: what is wrong
  /// with the file; unavailable when no process can read it now.
  virtual wire::Checked check(const wire::CheckJob& job) = 0;

  /// Starts a job at once. Errors: disk_full or internal when it cannot be started; data_loss when an input is not
  /// there.
  virtual std::unique_ptr<Job> start(const Order& order, JobListener listener) = 0;

  /// Ids of orders that an earlier daemon gave and whose jobs are still here.
  virtual std::vector<std::string> list() { return {}; }

  /// What jobs wrote to mounts that ended while no daemon looked after them, or that could not be taken then. Once, at
  /// the start, before any job is attached.
  virtual void take_written(const std::function<void(const Written&)>& take) { static_cast<void>(take); }

  /// Goes on with one of them, of which the events up to the one with this number are in safe hands. Errors: not_found
  /// when it has ended meanwhile.
  virtual std::unique_ptr<Job> attach(const std::string& id, std::int64_t number, JobListener listener) = 0;
};

}  // namespace cloud
