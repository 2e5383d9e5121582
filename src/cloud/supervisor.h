#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>

#include "api/resources/models.h"
#include "api/resources/queue.h"
#include "api/router.h"
#include "cloud/deployment.h"
#include "cloud/event_log.h"
#include "cloud/models.h"
#include "cloud/objects.h"
#include "cloud/store.h"
#include "cloud/turns.h"
#include "cloud/worker.h"

namespace cloud {

/// Takes models through their lives: from a submit through the queue to a process and back, and into deployments. Every
/// change of a state happens here, as one transaction; what a process reports takes the same way as what a person asks
/// for. One thing at a time happens to a model; models do not wait for each other, and who only reads waits for
/// nothing. What may follow from a change (a start, an answer to who waits) is done by a thread of its own. Threads:
/// any.
class Supervisor {
 public:
  static constexpr int kMaxCrashes = 5;  ///< without a checkpoint between them
  static constexpr int kStopGraceMs = 60000;
  static constexpr std::int64_t kSettledUs =
      60000000;  ///< a deployment that runs out of memory sooner than this has failed again
  static constexpr std::int64_t kRetryUs = 1000000;  ///< until an end that could not be written is tried again
  static constexpr std::int64_t kRestUs = 5000000;   ///< until what could not be started is tried again
  static constexpr std::size_t kMaxEventTextBytes = 8000;
  static constexpr std::int64_t kStepLogUs = 500000;  ///< at least this long between two step events that are kept

  Supervisor(Store& store, Objects& objects, EventLogs& logs, Worker& worker);
  ~Supervisor();

  /// Once, at the start: what was in flight when the last daemon ended goes on or is finished. What cannot be written
  /// now is written when it can.
  void recover();

  /// Before the server stops: answers what waits with how things are now, and nothing waits from here on.
  void end_waits();

  /// Asks trainings to stop with a checkpoint and queues them for the next start; ends deployments, which the next
  /// start brings back. What is not done after `grace_ms` is killed.
  void close(int grace_ms);

  /// What can start is started, soon. Call after anything that frees or adds resources.
  void wake() { wake_in(0); }

  /// Waits until all that follows from what has happened is done.
  void settle();

  /// Whether a request gets what it needs of this within this time.
  bool answers(std::chrono::milliseconds within) { return std::unique_lock(mutex_, within).owns_lock(); }

  static constexpr std::int64_t kMaxWaitUs = 60000000;  ///< of what is asked for with `wait`
  static constexpr int kMaxWaits = 64;                  ///< requests of one tenant that wait at a time
  static constexpr std::int64_t kMaxQueued = 1000;      ///< trainings of a tenant that wait

  /// `row` holds what was asked for. Errors: over_allotment, conflict for a dataset that is not ready.
  /// `start` is the checkpoint of row.start_sha256, where it has one.
  api::Model submit(const api::Call& call, ModelRow row, const std::vector<DatasetOfModel>& datasets,
                    const Objects::Pin* start = nullptr);
  /// What submit() would answer now, but submits nothing.
  api::Model foresee(ModelRow row, const std::vector<DatasetOfModel>& datasets);

  /// With `wait`, what must end before is waited for, and the answer comes when what was asked for is done, or at the
  /// latest after kMaxWaitUs. Errors: as late as the answer.
  api::Later<api::Model> stop(std::int64_t tenant, std::int64_t model, bool wait = false);
  api::Later<api::Model> resume(std::int64_t tenant, std::int64_t model, std::optional<std::int64_t> epochs,
                                std::optional<int> cpus, bool wait = false);
  api::Later<api::Model> deploy(std::int64_t tenant, std::int64_t model, int cpus, std::int64_t memory_bytes,
                                bool wait = false);
  api::Later<api::Model> undeploy(std::int64_t tenant, std::int64_t model, bool wait = false);
  api::Model rename(const api::Call& call, std::int64_t model, const std::string& name);
  api::Deleted remove(std::int64_t tenant, std::int64_t model);

  /// With its place in the queue.
  api::Model show(std::int64_t tenant, std::int64_t model);
  std::vector<api::Model> list(std::int64_t tenant, const std::vector<ModelState>& states, std::int64_t before,
                               int limit);

  /// What waits, the next one first.
  std::vector<api::Waiting> queue(std::int64_t tenant);

  /// Touches no database when the model is deployed.
  api::Later<api::Prediction> predict(std::int64_t tenant, std::int64_t model, int k, std::string_view input);

  std::unique_ptr<api::EventFeed> follow(std::int64_t tenant, std::int64_t model, bool follow);

 private:
  // A process that trains.
  struct Training {
    std::unique_ptr<Job> job;
    std::optional<wire::Event> end;  // what it said last
    std::optional<double> eta_s;
    std::int64_t eta_at_us = 0;
    std::int64_t step_logged_us = 0;
    std::int64_t epoch = -1;     // that this process has said is done
    std::int64_t log_bytes = 0;  // kept of what this process wrote
    EventLogs::Mark mark;        // of what it said last
    bool attached = false;       // another daemon started it
  };
  // A process that serves.
  struct Serving {
    std::shared_ptr<Job> job;
    std::shared_ptr<Deployment> deployment;
    int failures = 0;           // in a row
    bool has_served = false;    // so it fits into its memory, if nothing asks for too much at once
    std::int64_t ready_us = 0;  // since when this process serves; 0: not yet
    bool ending = false;
    std::int64_t log_minute = 0, log_bytes = 0;  // what it wrote in this minute
  };

  // What could not be started for now, such as for want of disk space.
  struct Rest {
    std::int64_t until_us = 0;
    std::string reason;
    std::string remedy;
  };

  // What a person asked for and waits for.
  struct Errand {
    std::int64_t tenant = 0, model = 0;
    std::function<bool(const ModelRow&)> may_begin;
    std::function<void()> begin;
    std::function<bool(const ModelRow&)> done;
    std::function<void(const ModelRow&)> check_result = {};  ///< throws when it was done otherwise than asked
    api::Later<api::Model> answer = {};
    std::int64_t until_us = 0;
    bool begun = false;
  };
  static bool in_motion(const ModelRow& row);
  api::Later<api::Model> run(Errand errand, bool wait);
  bool go_on(Errand& errand, bool last);
  void go_on_with_errands();

  // What follows from changes; the dispatcher's work.
  void dispatch();
  void start_what_can();
  void start(const ModelRow& row);
  void write_ends();

  void check_submit(Database& db, ModelRow& row, const std::vector<DatasetOfModel>& datasets);
  void rest(std::int64_t model, const std::string& reason);
  static bool is_temporary(const base::Error& error);
  void wake_in(std::int64_t us);
  void wake_held(std::int64_t at_us);  // with mutex_
  void end_others();

  // All that follow, but those with a database, with the model's turn.
  struct Overtaken {};  // what was to start may not any more
  void check_still_starts(Database& db, const ModelRow& row);
  bool is_sound(const ModelRow& row);
  void found_damaged(std::int64_t model, const std::set<std::string>& damaged);
  void go_back_to_previous(const ModelRow& row);
  void write_end(std::int64_t model, std::function<void()> write);
  void write_end_again(std::int64_t model);
  bool drop_unwritten_end(std::int64_t model);
  void recover_model(std::int64_t model, const std::set<std::string>& jobs);
  bool attach(const ModelRow& row, const std::set<std::string>& jobs);
  void begin_stop(std::int64_t tenant, std::int64_t model);
  void begin_resume(std::int64_t tenant, std::int64_t model, std::optional<std::int64_t> epochs,
                    std::optional<int> cpus);
  void begin_deploy(std::int64_t tenant, std::int64_t model, int cpus, std::int64_t memory_bytes);
  void begin_undeploy(std::int64_t tenant, std::int64_t model);
  std::vector<Decision> decisions(Database& db, std::int64_t tenant, std::optional<Claim> one_more = {});
  void fill_in_queue(Database& db, std::int64_t tenant, std::vector<api::Model>& models);
  void change(std::int64_t model, const std::function<void(Database&, ModelRow&)>& work);
  void note_state(const ModelRow& row);
  void note(std::int64_t model, api::TrainingEvent event);

  Training& begin_training(std::int64_t model);
  Training* training_of(std::int64_t model);
  void forget_training(std::int64_t model);
  void start_training(std::int64_t model);
  void launch_training(const ModelRow& row, Training& training);
  void attach_training(const ModelRow& row);
  JobListener training_listener(std::int64_t model);
  Order train_order(ModelRow row);
  void write_training_end(std::int64_t model, const JobEnd& end);
  void add_mounts(const ModelRow& row, Order& order);
  void training_asked_again(std::int64_t model);
  void training_crashed(std::int64_t model, const JobEnd& end);
  void training_waits(std::int64_t model, const std::string& reason);

  Serving& begin_serving(std::int64_t model);
  Serving* serving_of(std::int64_t model);
  void forget_serving(std::int64_t model);
  void start_serving(std::int64_t model);
  void launch_serving(const ModelRow& row, Serving& serving);
  void attach_serving(const ModelRow& row, const std::string& job);
  JobListener serving_listener(std::int64_t model);
  void serve_through(const ModelRow& row, Serving& serving, std::unique_ptr<Job> job);
  static void ready(Serving& serving);
  void end_deployment(std::int64_t model, std::string reason);
  void note_crash(std::int64_t model, const std::string& reason);
  void serving_over(std::int64_t model, std::string reason);
  void serving_waits(std::int64_t model, const std::string& reason);
  void enlist(std::int64_t model, std::shared_ptr<Deployment> deployment);

  // What processes report.
  void training_said(std::int64_t model, const wire::Event& event);
  void training_ended(std::int64_t model, const JobEnd& end);
  void volume_written(std::int64_t model, const Written& written);
  void checkpoint_came(std::int64_t model, const wire::Event& event, const base::Fd& bytes);
  void serving_said(std::int64_t model, const wire::Event& event);
  static void log_of(Serving& serving, std::int64_t model, const std::string& text);
  void serving_ended(std::int64_t model, const JobEnd& end);

  Store& store_;
  Objects& objects_;
  EventLogs& logs_;
  Worker& worker_;

  Turns turns_;
  using Turn = Turns::Turn;
  std::atomic<bool> closing_ = false, waits_end_ = false;

  // Guards what follows, for moments: nothing is written or started under it. What one entry holds belongs to its
  // model's turn, but for eta_s and ending.
  Mutex mutex_{locks::kSupervisor};
  std::condition_variable_any changed_;  // trainings_, servings_ or closing_
  std::map<std::int64_t, Training> trainings_;
  std::map<std::int64_t, Serving> servings_;
  // What has happened to models but is not in the database yet, because that refused it (a full disk, for one): the
  // states there are untrue until these are done. Nothing else happens to such a model before.
  std::map<std::int64_t, std::function<void()>> unwritten_ends_;
  std::map<std::int64_t, Rest> rests_;
  std::set<std::int64_t> unannounced_;  // submitted, but whoever follows them does not know yet
  std::list<Errand> errands_;

  void repeat();  // the thread's work: dispatches when wake_at_us_ has come
  std::condition_variable_any due_, settled_;
  std::optional<std::int64_t> wake_at_us_;
  bool dispatches_ = false;

  base::Ordered<std::shared_mutex> registry_mutex_{locks::kRegistry};
  std::map<std::int64_t, std::shared_ptr<Deployment>> registry_;  // what predict() finds

  // Objects of models that are to start, which nobody has read since the daemon began: read without the lock.
  struct Check {
    std::int64_t model;
    std::vector<std::string> sha256s;
  };
  void check();  // the thread's work
  std::condition_variable_any check_due_;
  std::deque<Check> checks_;

  std::thread repeater_, checker_;  // the last members: they use the others
};

}  // namespace cloud
