#pragma once
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>

#include "cloud/local/cgroup.h"
#include "cloud/local/sandbox.h"
#include "cloud/worker.h"

namespace cloud {

/// Runs jobs as child processes of the daemon. Each has a folder: in/ with hard links to its objects, which it sees
/// read-only, and out/ for its checkpoints. One thread per job feeds its control pipe and reads what it says.
class LocalWorker : public Worker {
 public:
  /// `folder` is emptied: what is there belonged to jobs of an earlier daemon, which ended with it. It must be on the file
  /// system of the objects.
  LocalWorker(Sandbox sandbox, std::filesystem::path folder);
  ~LocalWorker() override;

  std::unique_ptr<Job> train(const TrainOrder& order, JobListener listener) override;
  std::unique_ptr<Job> serve(const ServeOrder& order, base::Fd& socket, JobListener listener) override;

 private:
  class LocalJob;
  struct Running;

  std::filesystem::path make_folder();
  std::unique_ptr<Job> start(std::shared_ptr<Running> running, const Limits& limits, const std::string& mode);
  void supervise(const std::shared_ptr<Running>& running);

  Sandbox sandbox_;
  std::filesystem::path folder_;
  Cgroups cgroups_;
  std::atomic<std::int64_t> next_{1};
  std::mutex mutex_;
  std::condition_variable ended_;
  std::set<std::shared_ptr<Running>> running_;
};

}  // namespace cloud
