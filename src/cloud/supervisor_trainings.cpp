// From the queue to a training process, and what that process reports.
#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cloud/datasets.h"
#include "cloud/put_back.h"
#include "cloud/supervisor.h"
#include "cloud/tenants.h"
#include "cloud/volumes.h"

namespace cloud {

using base::Code;
using base::Error;
using enum api::ModelState;

namespace {

constexpr std::size_t kTextBytes = 4000;      // of one text that a job says
constexpr std::int64_t kLogBytes = 16 << 20;  // that is kept of what one process writes
constexpr double kLongestS = 1e9;

Error nonsense(const std::string& what) { return {Code::invalid_argument, "the job said " + what}; }

// Refuses what no engine of ours says, and cuts texts: code of strangers may run in a job.
wire::Event checked(wire::Event event) {
  if (event.text) event.text = base::printable(*event.text, kTextBytes);
  if (event.eta_s) event.eta_s = std::clamp(*event.eta_s, 0.0, kLongestS);
  if (!event.metrics) return event;
  if (event.metrics->size() > wire::kMostMetrics)
    throw nonsense(fmt::format("more than {} metrics", wire::kMostMetrics));
  for (const auto& metric : *event.metrics)
    if (metric.key().size() > wire::kMetricNameBytes || !metric.value().is_number())
      throw nonsense(fmt::format("that metric '{}' is {}; expected a short name and a number",
                                 base::printable(metric.key(), wire::kMetricNameBytes),
                                 base::printable(base::to_text(metric.value()), wire::kMetricNameBytes)));
  return event;
}

// Whether a daemon that was killed after that has written what the event says: it comes again when it was not noted.
bool is_known(const ModelRow& row, const wire::Event& event) { return event.number && *event.number <= row.job_event; }

std::string new_job_id(std::int64_t model) { return fmt::format("{}-{}", model, base::hex(base::random_bytes(6))); }

void check_epoch(const ModelRow& row, const wire::Event& event) {
  if (!event.epoch || *event.epoch < 0 || *event.epoch > row.epochs)
    throw nonsense(fmt::format("that it is in epoch {}; expected one of 0 to {}",
                               event.epoch ? std::to_string(*event.epoch) : "none", row.epochs));
}

}  // namespace

Order Supervisor::train_order(ModelRow row) {
  store_.read([&](Database& db) { load_definition(db, row); });
  Order order{.id = row.job, .limits = {row.cpus, row.memory_bytes}};
  wire::TrainJob& job = order.program.train.emplace();
  job = {.model_file = row.filename,
         .yaml = row.yaml,
         .epochs = row.epochs,
         .batch_size = row.batch_size,
         .seed = row.seed,
         .threads = row.cpus,
         .labels = row.labels};
  store_.read([&](Database& db) {
    for (const DatasetOfModel& use : datasets_of(db, row.id)) {
      if (!use.dataset_id) throw Error(Code::conflict, fmt::format("dataset '{}' has been removed", use.name));
      std::vector<std::string>& shards = use.role == "eval" ? job.eval_shards : job.train_shards;
      for (std::string& sha256 : shards_of(db, *use.dataset_id))
        shards.push_back(order.add(fmt::format("{}-{:06}", use.role, shards.size()), std::move(sha256)));
    }
  });
  add_mounts(row, order);
  if (!row.checkpoint_sha256.empty())
    job.resume_from = order.add("checkpoint", row.checkpoint_sha256);
  else if (!row.start_sha256.empty())
    job.start_from = order.add("start", row.start_sha256);
  return order;
}

// The volumes as they are now. Their objects are pinned, as others may change a volume before the job has its files.
void Supervisor::add_mounts(const ModelRow& row, Order& order) {
  struct Found {
    std::vector<Mount> mounts;
    std::int64_t changes = 0;  // of all the volumes together
    std::int64_t limit_bytes = 0;
  };
  const auto find = [&](Database& db) {
    Found found;
    std::int64_t written_to = 0;
    for (const VolumeOfModel& use : volumes_of(db, row.id)) {
      if (!use.volume_id) throw Error(Code::conflict, fmt::format("volume '{}' has been removed", use.name));
      Mount& mount = found.mounts.emplace_back(
          Mount{.volume = *use.volume_id, .place = use.place, .read_only = use.read_only, .files = {}});
      for (api::VolumeFile& file : files_of_volume(db, mount.volume)) {
        if (!mount.read_only) written_to += file.size_bytes;
        mount.files.push_back({std::move(file.path), std::move(file.sha256), file.size_bytes});
      }
      found.changes += volume_with(db, mount.volume).version;
    }
    if (const Storage storage = storage_of(db, row.tenant_id); storage.limit_bytes > 0)
      found.limit_bytes = written_to + std::max(storage.limit_bytes - storage.used_bytes, std::int64_t{1} << 20);
    return found;
  };
  if (store_.read([&](Database& db) { return volumes_of(db, row.id).empty(); })) return;
  Found found = store_.read(find);
  for (;;) {
    const auto pins = std::make_shared<std::vector<Objects::Pin>>();
    for (const Mount& mount : found.mounts)
      for (const VolumeContent& file : mount.files) pins->emplace_back(objects_, file.sha256);
    Found again = store_.read(find);
    const bool is_same = again.changes == found.changes;
    found = std::move(again);
    order.keeps = pins;
    if (is_same) break;
  }
  order.mounts = std::move(found.mounts);
  order.mount_limit_bytes = found.limit_bytes;
}

void Supervisor::volume_written(std::int64_t model, const Written& written) {
  const std::vector<std::string> lines = put_back(store_, objects_, written);  // reads whole files: not in its turn
  const Turn turn(turns_, model);
  for (const std::string& line : lines) note(model, {.kind = api::TrainingEventKind::log, .text = line});
}

JobListener Supervisor::training_listener(std::int64_t model) {
  return {.event = [this, model](const wire::Event& event) { training_said(model, event); },
          .checkpoint = [this, model](const wire::Event& event,
                                      const base::Fd& bytes) { checkpoint_came(model, event, bytes); },
          .written = [this, model](const Written& written) { volume_written(model, written); },
          .end = [this, model](const JobEnd& end) { training_ended(model, end); }};
}

// Its process goes on, and so does its state. What the daemon before heard and wrote, the job need not say again.
void Supervisor::attach_training(const ModelRow& row) {
  const std::int64_t number = logs_.last_number(row.id, row.job);
  Training& training = begin_training(row.id);
  training.attached = true;
  training.mark = {row.job, number};
  try {
    training.job = worker_.attach(row.job, number, training_listener(row.id));
  } catch (...) {
    forget_training(row.id);
    throw;
  }
  if (row.stop_requested) training.job->stop(kStopGraceMs);
  logs_.set_live(row.id, true);
  note(row.id, {.kind = api::TrainingEventKind::log, .text = "the server was restarted; the training went on"});
}

Supervisor::Training& Supervisor::begin_training(std::int64_t model) {
  const std::lock_guard lock(mutex_);
  return trainings_[model];
}

Supervisor::Training* Supervisor::training_of(std::int64_t model) {
  const std::lock_guard lock(mutex_);
  const auto found = trainings_.find(model);
  return found == trainings_.end() ? nullptr : &found->second;
}

void Supervisor::forget_training(std::int64_t model) {
  decltype(trainings_)::node_type gone;  // after the lock
  const std::lock_guard lock(mutex_);
  gone = trainings_.extract(model);
  changed_.notify_all();
}

void Supervisor::launch_training(const ModelRow& row, Training& training) {
  training.end.reset();
  training.step_logged_us = 0;
  training.epoch = -1;
  training.log_bytes = 0;
  training.mark = {row.job, 0};
  training.attached = false;
  training.job = worker_.start(train_order(row), training_listener(row.id));
}

void Supervisor::start_training(std::int64_t model) {
  ModelRow row = *store_.read([&](Database& db) { return find_model(db, model); });
  row.job = new_job_id(model);
  Training& training = begin_training(model);
  try {
    // The process starts while the state is written; what it reports waits for its model's turn.
    launch_training(row, training);
  } catch (...) {
    forget_training(model);
    throw;
  }
  try {
    change(model, [&](Database& db, ModelRow& now) {
      check_still_starts(db, now);
      now.stop_requested = false;
      now.job = row.job;
      now.job_event = 0;
      if (!now.started_us) now.started_us = base::wall_now_us();
      become(db, now, running);
    });
  } catch (...) {
    training.job->kill();  // its end finds the model still queued
    throw;
  }
  note_state(*store_.read([&](Database& db) { return find_model(db, model); }));
}

void Supervisor::training_said(std::int64_t model, const wire::Event& said) {
  const wire::Event event = checked(said);
  const Turn turn(turns_, model);
  Training* const found = training_of(model);
  if (found == nullptr) return;
  Training& training = *found;
  const std::int64_t now = base::steady_now_us();
  if (event.eta_s) {
    const std::lock_guard lock(mutex_);
    training.eta_s = event.eta_s;
    training.eta_at_us = now;
  }
  api::TrainingEvent told{.epoch = event.epoch,
                          .epochs = event.epochs,
                          .batch = event.batch,
                          .batches = event.batches,
                          .cost = event.cost,
                          .eval_cost = event.eval_cost,
                          .images_per_s = event.images_per_s,
                          .seconds = event.seconds,
                          .eta_s = event.eta_s,
                          .metrics = event.metrics,
                          .text = event.text};
  if (event.number) training.mark.number = *event.number;
  switch (event.kind) {
    case wire::EventKind::step:
      if (training.step_logged_us != 0 && now - training.step_logged_us < kStepLogUs) return;
      training.step_logged_us = now;
      told.kind = api::TrainingEventKind::step;
      note(model, std::move(told));
      break;
    case wire::EventKind::epoch:
      change(model, [&](Database& db, ModelRow& row) {
        check_epoch(row, event);
        if (is_known(row, event)) return;
        if (*event.epoch == row.epochs || *event.epoch <= training.epoch)
          throw nonsense(fmt::format("that epoch {} is done, which is the {}", *event.epoch,
                                     *event.epoch == row.epochs ? "one after the last" : "second time"));
        training.epoch = *event.epoch;
        row.epochs_completed = *event.epoch + 1;
        row.train_cost = event.cost;
        if (event.eval_cost) row.eval_cost = event.eval_cost;
        if (event.metrics) row.metrics = base::to_text(*event.metrics);
        row.job_event = event.number.value_or(row.job_event);
        save(db, row);
      });
      told.kind = api::TrainingEventKind::epoch;
      note(model, std::move(told));
      break;
    case wire::EventKind::log:
      if (training.log_bytes > kLogBytes) return;
      training.log_bytes += static_cast<std::int64_t>(event.text.value_or("").size()) + 1;
      if (training.log_bytes > kLogBytes)
        told.text =
            fmt::format("the job has written {} MiB of log; what it writes from here on is not kept", kLogBytes >> 20);
      told.kind = api::TrainingEventKind::log;
      note(model, std::move(told));
      break;
    case wire::EventKind::end: training.end = event; break;
    case wire::EventKind::ready:
    case wire::EventKind::checkpoint:
    case wire::EventKind::checked:
    case wire::EventKind::attached: break;
  }
}

void Supervisor::checkpoint_came(std::int64_t model, const wire::Event& event, const base::Fd& bytes) {
  // Reads the whole file: not under the lock.
  const std::int64_t limit_bytes = store_.read([&](Database& db) {
    const auto row = find_model(db, model);
    return row ? checkpoint_limit_bytes(row->memory_bytes) : 0;
  });
  const Objects::Pin pin = objects_.adopt(bytes, event.sha256.value_or(""), limit_bytes);
  const Turn turn(turns_, model);
  std::vector<std::string> needless;
  change(model, [&](Database& db, ModelRow& row) {
    check_epoch(row, event);
    // A restarted job may save what it came from before it fails again in the same place: that is no progress, and
    // must not push the older checkpoint out.
    if (pin.sha256() == row.checkpoint_sha256 || is_known(row, event)) return;
    row.job_event = event.number.value_or(row.job_event);
    for (std::string* sha256 : {&row.previous_sha256, &row.start_sha256})
      if (!sha256->empty()) needless.push_back(std::exchange(*sha256, ""));
    row.previous_sha256 = row.checkpoint_sha256;
    row.previous_bytes = row.checkpoint_bytes;
    row.previous_epochs = row.checkpoint_epochs;
    objects_.refer(db, pin);
    const std::int64_t epoch = *event.epoch;
    const bool whole = event.batch && event.batches && *event.batch == *event.batches;
    row.checkpoint_epochs = std::min(std::max(whole ? epoch + 1 : epoch, row.epochs_completed), row.epochs);
    row.checkpoint_sha256 = pin.sha256();
    row.checkpoint_bytes = pin.size_bytes();
    row.crashes_since_checkpoint = 0;
    if (!row.stop_requested) row.reason.clear();
    save(db, row);
    for (const std::string& sha256 : needless) objects_.release(db, sha256);
  });
  objects_.collect(needless);
  if (Training* training = training_of(model); event.number && training != nullptr)
    training->mark.number = *event.number;
  note(model, {.kind = api::TrainingEventKind::checkpoint,
               .epoch = event.epoch,
               .batch = event.batch,
               .batches = event.batches});
}

void Supervisor::training_ended(std::int64_t model, const JobEnd& end) {
  const Turn turn(turns_, model);
  if (training_of(model) == nullptr) return;
  write_end(model, [this, model, end] { write_training_end(model, end); });
  if (closing_ && drop_unwritten_end(model)) forget_training(model);  // the next start takes it up
  wake();
}

void Supervisor::write_training_end(std::int64_t model, const JobEnd& end) {
  const Training& training = begin_training(model);
  const std::optional<wire::Event> said = training.end;
  const bool attached = training.attached;
  const ModelRow before = *store_.read([&](Database& db) { return find_model(db, model); });
  if (before.state != running) {  // its start could not be written, or its end has been
    forget_training(model);
    logs_.set_live(model, in_training(before.state) && !closing_);
    return;
  }
  const bool finished = said && said->outcome;
  if (!finished && !closing_ && !before.stop_requested && end.never_began) return training_waits(model, end.last_words);
  // It said how it ended to a daemon that was killed before it wrote that: its last checkpoint knows.
  if (!finished && !closing_ && !before.stop_requested && attached && end.said_all())
    return training_asked_again(model);
  if (!finished && !closing_ && !before.stop_requested) return training_crashed(model, end);
  change(model, [&](Database& db, ModelRow& row) {
    const std::int64_t now = base::wall_now_us();
    if (finished && said->outcome == wire::Outcome::error) {
      row.ended_us = now;
      row.stop_requested = false;
      become(db, row, ModelState::error, said->text.value_or("the training failed"));
    } else if (finished && said->outcome == wire::Outcome::completed) {
      row.ended_us = now;
      row.stop_requested = false;
      become(db, row, completed);
    } else if (row.stop_requested || !closing_) {
      row.ended_us = now;
      row.stop_requested = false;
      row.epochs_completed = finished ? row.epochs_completed : row.checkpoint_epochs;
      become(db, row, stopped,
             finished
                 ? ""
                 : fmt::format("stopped, but the job ended before its last checkpoint was written ({})", end.text()));
    } else {
      row.epochs_completed = finished ? row.epochs_completed : row.checkpoint_epochs;
      become(db, row, queued, "the server was stopped; goes on when it is back");
    }
  });
  const ModelRow after = *store_.read([&](Database& db) { return find_model(db, model); });
  forget_training(model);
  note_state(after);
  logs_.set_live(model, in_training(after.state) && !closing_);
}

// Back to the queue: this machine lacks something for its start, which is no fault of the training.
void Supervisor::training_waits(std::int64_t model, const std::string& reason) {
  change(model, [&](Database& db, ModelRow& row) { become(db, row, queued, "cannot be started now: " + reason); });
  forget_training(model);
  rest(model, reason);
  note_state(*store_.read([&](Database& db) { return find_model(db, model); }));
}

void Supervisor::training_asked_again(std::int64_t model) {
  change(model, [&](Database& db, ModelRow& row) {
    row.epochs_completed = row.checkpoint_epochs;
    become(db, row, queued, "the server was restarted");
  });
  forget_training(model);
  note_state(*store_.read([&](Database& db) { return find_model(db, model); }));
}

void Supervisor::training_crashed(std::int64_t model, const JobEnd& end) {
  bool again = false;
  change(model, [&](Database& db, ModelRow& row) {
    row.epochs_completed = row.checkpoint_epochs;  // what was not kept is trained again
    row.job = new_job_id(model);
    row.job_event = 0;
    ++row.crashes_since_checkpoint;
    again =
        row.crashes_since_checkpoint <= kMaxCrashes && !end.out_of_memory && !end.spoke_nonsense && !end.wrote_too_much;
    if (again) {
      ++row.restarts;
      row.reason = fmt::format("restarted {} after its job ended with {}",
                               row.checkpoint_sha256.empty()
                                   ? "from the beginning"
                                   : fmt::format("from the checkpoint of epoch {}", row.checkpoint_epochs),
                               end.text());
      save(db, row);
      return;
    }
    row.ended_us = base::wall_now_us();
    if (end.spoke_nonsense)
      return become(db, row, ModelState::error, "its job was ended for what it said: " + end.last_words);
    if (end.wrote_too_much) return become(db, row, ModelState::error, "its job was ended: " + end.last_words);
    const std::string why =
        end.out_of_memory
            ? fmt::format("it needs more than its {} of memory", base::size_text(row.memory_bytes))
            : fmt::format("its job ended {} times without a checkpoint between", row.crashes_since_checkpoint);
    become(db, row, ModelState::error, fmt::format("{}; the last time with {}", why, end.text()));
  });
  ModelRow row = *store_.read([&](Database& db) { return find_model(db, model); });
  if (again) {
    base::log_warning("model {}: {}", model, row.reason);
    note(model, {.kind = api::TrainingEventKind::restart, .text = row.reason});
    try {
      launch_training(row, begin_training(model));
      return;
    } catch (...) {
      const Error error = base::caught();
      base::log_error("model {} cannot be started again: {}", model, error.message);
      if (is_temporary(error)) return training_waits(model, base::message_for_others(error));
      change(model, [&](Database& db, ModelRow& now) {
        now.ended_us = base::wall_now_us();
        become(db, now, ModelState::error, "cannot be started again: " + base::message_for_others(error));
      });
      row = *store_.read([&](Database& db) { return find_model(db, model); });
    }
  }
  forget_training(model);
  note_state(row);
  logs_.set_live(model, false);
}

}  // namespace cloud
