#pragma once
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>

#include "cloud/disk/object_folder.h"
#include "cloud/local/cgroup.h"
#include "cloud/local/checker.h"
#include "cloud/local/sandbox.h"
#include "cloud/lock_order.h"
#include "cloud/worker.h"

namespace cloud {

struct FoundJob;
struct RunningJob;

/// Runs jobs as child processes of the daemon. Each has a folder: in/ with hard links to its objects, which it sees
/// read-only, and out/ with two files for its checkpoints. One thread per job feeds its control pipe and reads what it
/// says. Trainings and deployments go on when the daemon is killed: a guard holds their pipes, and the next daemon's
/// worker finds them by the records in their folders and attaches.
///
/// One process more waits, started and warmed up, for the next training, and one checks model files (checker.h): what a
/// process costs to start is then not part of the time from submit to the first step. keep_spare() has both from the
/// beginning and a spare always again; without, the first check starts the one that checks.
class LocalWorker : public Worker {
 public:
  /// `folder` is emptied, but of jobs that an earlier daemon started and that are still here. The daemon's
  /// `objects` are what this worker need not fetch: jobs get hard links to them, so both must be on one file system.
  LocalWorker(Sandbox sandbox, std::filesystem::path folder, const std::filesystem::path& objects);
  ~LocalWorker() override;

  Protection protection() const override;
  wire::Checked check(const wire::CheckJob& job) override;
  std::unique_ptr<Job> start(const Order& order, JobListener listener) override;
  std::vector<std::string> list() override;
  void take_written(const std::function<void(const Written&)>& take) override;
  std::unique_ptr<Job> attach(const std::string& id, std::int64_t number, JobListener listener) override;

  /// From now on a spare process waits, and one to check. Trainings take it only where cgroups limit memory: nothing
  /// else can be limited after the start.
  void keep_spare();

 private:
  class LocalJob;
  using Running = RunningJob;
  using Found = FoundJob;

  std::vector<Found> find_jobs(const std::filesystem::path& folder);

  bool limits_processes() const;
  std::shared_ptr<Running> make_running();
  std::shared_ptr<Running> make_outliving();
  std::shared_ptr<Running> make_training();
  std::unique_ptr<Job> train(const Order& order, JobListener listener);
  std::unique_ptr<Job> serve(const Order& order, JobListener listener);
  static void outlive(const Running& running, const Order& order);
  void supervise_apart(const std::shared_ptr<Running>& running, bool waits);
  void launch(const std::shared_ptr<Running>& running, std::string_view mode, bool waits = false);
  void prepare(Running& running, const Order& order) const;
  void limit(Running& running, const Limits& limits) const;
  std::shared_ptr<Running> start_checker(JobListener listener);
  void start_spare();
  std::shared_ptr<Running> take_spare(const Limits& limits, JobListener& listener);
  void supervise(const std::shared_ptr<Running>& running);

  Sandbox sandbox_;
  std::filesystem::path folder_;
  ObjectFolder objects_;
  base::Fd attended_;                         ///< locked as long as this looks after the jobs
  std::vector<std::filesystem::path> ended_;  ///< folders of jobs that have, with what they wrote to volumes
  std::function<void(const Written&)> take_written_;
  std::vector<Found> found_;
  Cgroups cgroups_;
  std::atomic<std::int64_t> next_{1};
  Mutex mutex_{locks::kWorker};
  std::condition_variable_any changed_;  // running_, spare_ or starts_spare_
  std::set<std::shared_ptr<Running>> running_;
  std::shared_ptr<Running> spare_;  ///< in running_ too
  bool starts_spare_ = false;
  bool keeps_spare_ = false, ending_ = false;
  Checker checker_;
};

}  // namespace cloud
