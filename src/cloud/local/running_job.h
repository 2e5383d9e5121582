#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/fields.h"
#include "cloud/disk/object_folder.h"
#include "cloud/local/cgroup.h"
#include "cloud/local/job_folder.h"
#include "cloud/local/process.h"
#include "cloud/local/sandbox.h"
#include "cloud/lock_order.h"
#include "cloud/worker.h"

namespace cloud {

/// What the next daemon must know of a job.
struct JobRecord {
  std::string id;
  std::vector<std::string> cgroup;  // a controller, its folder, and so on
  std::int64_t mount_limit_bytes = 0;
  static constexpr auto fields() {
    return std::tuple(
        base::field("id", &JobRecord::id, "of the order").required(),
        base::field("cgroup", &JobRecord::cgroup, "controllers, each followed by the folder of its group"),
        base::field("mount_limit_bytes", &JobRecord::mount_limit_bytes, "as in the order"));
  }
};

/// A job of an earlier daemon.
struct FoundJob {
  JobRecord record;
  std::filesystem::path folder;
};

/// One job from its start to its end; the thread that supervises it and its handle share it.
struct RunningJob {
  RunningJob(const Cgroups& groups, std::string job, const std::filesystem::path& folder_of_jobs);
  explicit RunningJob(const FoundJob& found);
  ~RunningJob() { clean_up(); }
  RunningJob(const RunningJob&) = delete;

  const std::string name;
  JobFolder folder;
  const Cgroup cgroup;
  const bool of_another = false;  // an earlier daemon started it
  std::vector<std::string> checkpoint_files;
  std::vector<Mount> mounts;
  std::int64_t mount_limit_bytes = 0;
  std::shared_ptr<void> keeps;  // as in the order
  ProcessStart start;
  std::optional<Process> process;  // of a job that is here already
  base::Fd our_socket, their_socket;
  std::function<void()> on_first_step;
  base::Fd wake = event_descriptor();

  Mutex mutex{locks::kJob};
  JobListener listener;          // empty while it is a spare
  std::string outbox;            // for the control pipe
  std::int64_t kill_at_us = 0;   // 0: never
  std::int64_t patience_us = 0;  // past that, while it writes a checkpoint
  bool stop_asked = false;
  bool cleaned_up = false;

  void poke();  ///< the thread that talks with it looks again
  JobListener hears();
  void set_listener(JobListener other);
  void say(const std::string& line);  ///< to the job
  void order(const wire::Order& what);
  void stop(int grace_ms);  ///< asks it to, and kills it after that time, or twice that while it writes a checkpoint
  void clean_up();
  void kill();

  /// In the order of the mounts, by the numbers that name their folders.
  std::vector<BoundFolder> bound_folders() const;
  void fill_mounts(const ObjectFolder& objects);  ///< before it starts
  /// Why it must not go on writing to its mounts; empty while it may.
  std::string overflow() const;
  /// Tells `take` of all that it wrote; false when that failed, and its folder is to stay.
  static bool tell_written(const std::filesystem::path& volumes, const std::function<void(const Written&)>& take);

 private:
  static base::Fd event_descriptor();
  Cgroup group_in(const Cgroups& groups);
};

}  // namespace cloud
