#pragma once
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>

#include "cloud/local/running_job.h"
#include "cloud/lock_order.h"
#include "cloud/worker.h"

namespace cloud {

/// Has model files checked by a process of its own, which stays: started with the first of them, and again after it has
/// ended or is ended for giving no answer. Threads: any.
class Checker {
 public:
  /// Starts that process, which this listens to.
  using Start = std::function<std::shared_ptr<RunningJob>(JobListener)>;
  explicit Checker(Start start) : start_(std::move(start)) {}

  /// As Worker::check().
  wire::Checked check(wire::CheckJob job);

  /// So that the first check need not.
  void start();

 private:
  struct Talk;  // with one process

  Talk& talk_held();
  void answered(Talk& talk, const wire::Event& event);
  void ended(Talk& talk, const JobEnd& end);

  Start start_;
  Mutex mutex_{locks::kChecks};
  std::condition_variable_any changed_;
  std::shared_ptr<Talk> talk_;  ///< none before the first process
  int asked_ = 0;               ///< checks that a process has
  std::int64_t last_ = 0;
};

}  // namespace cloud
