#include "cloud/supervisor.h"

#include "base/caught.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/datasets.h"
#include "cloud/put_back.h"

namespace cloud {

using base::Code;
using base::Error;
using enum api::ModelState;

Supervisor::Supervisor(Store& store, Objects& objects, EventLogs& logs, Worker& worker)
    : store_(store), objects_(objects), logs_(logs), worker_(worker), repeater_([this] { repeat(); }), checker_([this] {
        check();
      }) {}

Supervisor::~Supervisor() { close(0); }

void Supervisor::recover() {
  const auto rows = store_.read(
      [](Database& db) { return models_in(db, {received, queued, running, deploying, deployed, undeploying}); });
  worker_.take_written([this](const Written& written) {
    for (const std::string& line : put_back(store_, objects_, written)) base::log_info("{}", line);
  });
  const std::vector<std::string> listed = worker_.list();
  const std::set<std::string> jobs(listed.begin(), listed.end());
  for (const ModelRow& found : rows) {
    const Turn turn(turns_, found.id);
    write_end(found.id, [this, model = found.id, jobs] { recover_model(model, jobs); });
  }
  end_others();
  wake();
}

// Jobs of models that want none, such as of a start that was not written.
void Supervisor::end_others() {
  for (const std::string& job : worker_.list()) try {
      worker_.attach(job, 0, {})->kill();
    } catch (...) {
      base::log_warning("job {}: {}", job, base::caught().message);
    }
}

void Supervisor::recover_model(std::int64_t model, const std::set<std::string>& jobs) {
  const auto before = store_.read([&](Database& db) { return find_model(db, model); });
  if (!before) return;
  if (!closing_ && attach(*before, jobs)) return;
  change(model, [&](Database& db, ModelRow& row) {
    wait_again(db, row.id);
    switch (row.state) {
      case received: become(db, row, queued); break;
      case running:
        if (row.stop_requested) {
          row.stop_requested = false;
          row.ended_us = base::wall_now_us();
          become(db, row, stopped,
                 "stopped; the server ended while it stopped, so it goes on from its last checkpoint");
        } else {
          become(db, row, queued, "the server was restarted");
        }
        break;
      case deployed: become(db, row, deploying, "the server was restarted"); break;
      case undeploying: become(db, row, base::decode<ModelState>(base::json::value(row.rest_state))); break;
      default: save(db, row);
    }
    if (row.epochs_completed > row.checkpoint_epochs && row.state == queued) {
      row.epochs_completed = row.checkpoint_epochs;  // what was not kept is trained again
      save(db, row);
    }
  });
  const ModelRow now = *store_.read([&](Database& db) { return find_model(db, model); });
  logs_.set_live(now.id, in_training(now.state));
  if (now.state != before->state) note_state(now);
}

// Whether its process is here and goes on.
bool Supervisor::attach(const ModelRow& row, const std::set<std::string>& jobs) {
  try {
    if (row.state == running && jobs.contains(row.job)) {
      attach_training(row);
      return true;
    }
    const auto claim = store_.read([&](Database& db) { return claim_of(db, row.id); });
    const bool serves = claim && claim->kind == ClaimKind::deployment && claim->holds && row.state != undeploying;
    const std::string begins = serving_jobs(row.id);
    const auto job = jobs.lower_bound(begins);
    if (!serves || job == jobs.end() || !job->starts_with(begins)) return false;
    attach_serving(row, *job);
    return true;
  } catch (...) {  // it has ended meanwhile, or cannot be looked after: as if it were not here
    base::log_warning("model {}: {}", row.id, base::caught().message);
    return false;
  }
}

void Supervisor::close(int grace_ms) {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
    due_.notify_all();
    check_due_.notify_all();
  }
  if (repeater_.joinable()) repeater_.join();
  if (checker_.joinable()) checker_.join();
  // From here on nothing new starts, and what starts again finds its turn taken until it is stopped.
  write_ends();
  go_on_with_errands();
  std::set<std::int64_t> models;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [model, training] : trainings_) models.insert(model);
    for (const auto& [model, serving] : servings_) models.insert(model);
  }
  for (const std::int64_t model : models) {
    const Turn turn(turns_, model);
    if (drop_unwritten_end(model)) {  // the next start finds out what became of it
      forget_training(model);
      forget_serving(model);
    }
    if (const Training* training = training_of(model); training != nullptr && training->job)
      training->job->stop(grace_ms);
    if (Serving* serving = serving_of(model)) {
      if (serving->deployment) serving->deployment->fail();
      if (serving->job) serving->job->kill();
    }
  }
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return trainings_.empty() && servings_.empty(); });
  }
  turns_.wait_for_none();  // whoever heard of the last ends is done with that
  const std::lock_guard registry_lock(registry_mutex_);
  registry_.clear();
}

void Supervisor::dispatch() {
  try {
    write_ends();
    start_what_can();
  } catch (...) {
    base::log_error("cannot start what waits: {}", base::caught().message);
    wake_in(kRestUs);
  }
  go_on_with_errands();
}

void Supervisor::start_what_can() {
  const std::int64_t now = base::steady_now_us();
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(rests_, [&](const auto& rest) { return rest.second.until_us <= now; });
  }
  const auto todo = store_.read([&](Database& db) { return decisions(db, 0); });
  for (const Decision& decision : todo) {
    if (closing_) return;
    const std::int64_t model = decision.owner;
    if (!decision.start) continue;
    const Turn turn(turns_, model);
    {
      const std::lock_guard lock(mutex_);
      // Of one whose start failed, the process may still be ending.
      if (unwritten_ends_.contains(model) || trainings_.contains(model) || servings_.contains(model) ||
          unannounced_.contains(model))
        continue;
      if (const auto resting = rests_.find(model); resting != rests_.end()) {
        wake_held(resting->second.until_us);
        continue;
      }
    }
    const auto [row, claim] =
        store_.read([&](Database& db) { return std::pair(find_model(db, model), claim_of(db, model)); });
    if (row && claim && !claim->holds) start(*row);
  }
}

// In the transaction that has it started: what was decided before may be wrong by now.
void Supervisor::check_still_starts(Database& db, const ModelRow& row) {
  for (const Decision& decision : decisions(db, row.tenant_id))
    if (decision.owner == row.id && decision.start) return;
  throw Overtaken();
}

void Supervisor::start(const ModelRow& row) {
  try {
    if (!is_sound(row)) return;
    if (row.state == queued)
      start_training(row.id);
    else
      start_serving(row.id);
  } catch (const Overtaken&) {
    wake();
  } catch (...) {  // whatever it is, the others start
    const Error error = base::caught();
    base::log_error("model {} cannot be started: {}", row.id, error.message);
    if (is_temporary(error)) return rest(row.id, base::message_for_others(error));
    try {
      // Nothing was started, so the state says why; a person resumes or deploys it again.
      if (row.state == queued) {
        change(row.id, [&](Database& db, ModelRow& now) {
          now.ended_us = base::wall_now_us();
          become(db, now, ModelState::error, "cannot be started: " + base::message_for_others(error));
        });
        note_state(*store_.read([&](Database& db) { return find_model(db, row.id); }));
        logs_.set_live(row.id, false);
      } else {
        end_deployment(row.id, "cannot be deployed: " + base::message_for_others(error));
      }
    } catch (...) {
      rest(row.id, base::message_for_others(base::caught()));
    }
  }
}

bool Supervisor::is_temporary(const Error& error) {
  return error.code == Code::disk_full || error.code == Code::unavailable;
}

void Supervisor::rest(std::int64_t model, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  rests_[model] = {base::steady_now_us() + kRestUs, "cannot be started now: " + reason,
                   "it is tried again every few seconds"};
  wake_held(rests_[model].until_us);
}

void Supervisor::wake_in(std::int64_t us) {
  const std::lock_guard lock(mutex_);
  wake_held(base::steady_now_us() + us);
}

void Supervisor::wake_held(std::int64_t at_us) {
  wake_at_us_ = wake_at_us_ ? std::min(*wake_at_us_, at_us) : at_us;
  due_.notify_all();
}

void Supervisor::repeat() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    const std::int64_t left_us = wake_at_us_ ? *wake_at_us_ - base::steady_now_us() : 0;
    if (!wake_at_us_) {
      due_.wait(lock);
    } else if (left_us > 0) {
      due_.wait_for(lock, std::chrono::microseconds(left_us));
    } else {
      wake_at_us_.reset();
      dispatches_ = true;
      lock.unlock();
      dispatch();
      lock.lock();
      dispatches_ = false;
      settled_.notify_all();
    }
  }
  settled_.notify_all();
}

void Supervisor::settle() {
  std::unique_lock lock(mutex_);
  settled_.wait(lock,
                [&] { return closing_ || (!dispatches_ && (!wake_at_us_ || *wake_at_us_ > base::steady_now_us())); });
}

void Supervisor::write_end(std::int64_t model, std::function<void()> write) {
  try {
    write();
    drop_unwritten_end(model);
  } catch (...) {
    base::log_error("what became of model {} cannot be written and is tried again: {}", model, base::caught().message);
    const std::lock_guard lock(mutex_);
    unwritten_ends_.insert_or_assign(model, std::move(write));
    wake_held(base::steady_now_us() + kRetryUs);
  }
}

void Supervisor::write_end_again(std::int64_t model) {
  std::function<void()> write;
  {
    const std::lock_guard lock(mutex_);
    const auto unwritten = unwritten_ends_.find(model);
    if (unwritten == unwritten_ends_.end()) return;
    write = unwritten->second;
  }
  write_end(model, std::move(write));
}

// Whether there was one.
bool Supervisor::drop_unwritten_end(std::int64_t model) {
  const std::lock_guard lock(mutex_);
  return unwritten_ends_.erase(model) > 0;
}

void Supervisor::write_ends() {
  std::vector<std::int64_t> models;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [model, write] : unwritten_ends_) models.push_back(model);
  }
  for (const std::int64_t model : models) {
    const Turn turn(turns_, model);
    write_end_again(model);
  }
}

std::vector<Decision> Supervisor::decisions(Database& db, std::int64_t tenant, std::optional<Claim> one_more) {
  Snapshot snapshot = snapshot_of(db, tenant);
  if (one_more) snapshot.claims.push_back(*one_more);
  const std::int64_t now = base::steady_now_us();
  const std::lock_guard lock(mutex_);
  for (Claim& claim : snapshot.claims) {
    const auto found = trainings_.find(claim.owner);
    if (found != trainings_.end() && found->second.eta_s)
      claim.ends_in_s = std::max(0.0, *found->second.eta_s - static_cast<double>(now - found->second.eta_at_us) * 1e-6);
  }
  return schedule(snapshot);
}

namespace {

std::optional<std::string> estimated_start(const Decision& decision) {
  if (!decision.starts_in_s) return std::nullopt;
  return base::rfc3339(base::wall_now_us() + static_cast<std::int64_t>(*decision.starts_in_s * 1e6));
}

void show_decision(const Decision& decision, api::Model& model) {
  if (model.state == queued) model.queue_position = decision.position;
  model.reason = decision.reason;
  model.remedy = decision.remedy;
  model.estimated_start = estimated_start(decision);
}

}  // namespace

api::Model Supervisor::foresee(ModelRow row, const std::vector<DatasetOfModel>& datasets) {
  row.created_us = base::wall_now_us();
  row.state = queued;
  return store_.read([&](Database& db) {
    check_submit(db, row, datasets);
    api::Model model = shown(db, row);
    for (const DatasetOfModel& use : datasets) model.datasets.push_back({use.role, use.name});
    constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
    const Claim claim{.owner = kLast,
                      .tenant = row.tenant_id,
                      .cpus = row.cpus,
                      .memory_bytes = row.memory_bytes,
                      .priority = row.priority,
                      .since_us = row.created_us};
    for (const Decision& decision : decisions(db, row.tenant_id, claim))
      if (decision.owner == kLast && !decision.start)
        show_decision(decision, model);
      else if (decision.owner == kLast)
        model.state = running;
    return model;
  });
}

void Supervisor::fill_in_queue(Database& db, std::int64_t tenant, std::vector<api::Model>& models) {
  std::optional<std::vector<Decision>> todo;
  for (api::Model& model : models) {
    if (model.state != queued && model.state != deploying) continue;
    {
      const std::lock_guard lock(mutex_);
      if (const auto resting = rests_.find(model.id); resting != rests_.end()) {
        model.reason = resting->second.reason;
        model.remedy = resting->second.remedy;
      }
    }
    if (!todo) todo = decisions(db, tenant);
    for (const Decision& decision : *todo) {
      if (decision.owner != model.id || decision.start) continue;
      show_decision(decision, model);
    }
  }
}

void Supervisor::change(std::int64_t model, const std::function<void(Database&, ModelRow&)>& work) {
  store_.write([&](Database& db) {
    auto row = find_model(db, model);
    if (!row) throw Error(Code::internal, fmt::format("model {} is gone", model));
    work(db, *row);
  });
}

void Supervisor::note(std::int64_t model, api::TrainingEvent event) {
  event.at = base::rfc3339(base::wall_now_us());
  if (event.text) event.text = base::shortened(*event.text, kMaxEventTextBytes);
  if (event.metrics && base::to_text(*event.metrics).size() > kMaxMetricsBytes) event.metrics.reset();
  const Training* training = training_of(model);
  logs_.append(model, event, training == nullptr ? EventLogs::Mark{} : training->mark);
}

void Supervisor::note_state(const ModelRow& row) {
  api::TrainingEvent event{.kind = api::TrainingEventKind::state, .state = row.state};
  event.epochs = row.epochs;
  if (!row.reason.empty()) event.text = row.reason;
  note(row.id, std::move(event));
}

api::Model Supervisor::show(std::int64_t tenant, std::int64_t model) {
  return store_.read([&](Database& db) {
    std::vector<api::Model> one{shown(db, model_of(db, tenant, model))};
    fill_in_queue(db, tenant, one);
    return one.front();
  });
}

std::vector<api::Model> Supervisor::list(std::int64_t tenant, const std::vector<ModelState>& states,
                                         std::int64_t before, int limit) {
  return store_.read([&](Database& db) {
    std::string words;
    for (const ModelState state : states) words += fmt::format(",{},", base::word(state));
    const auto ids = db.all(
        "select id from models where tenant_id = ? and id < ? and (? = '' or ? like '%,' || state || ',%') order by id "
        "desc limit ?",
        [](const Row& row) { return row.integer(0); }, tenant, before, words, words, limit);
    std::vector<api::Model> models;
    for (const std::int64_t id : ids) models.push_back(shown(db, *find_model(db, id)));
    fill_in_queue(db, tenant, models);
    return models;
  });
}

std::vector<api::Waiting> Supervisor::queue(std::int64_t tenant) {
  return store_.read([&](Database& db) {
    std::vector<api::Waiting> queue;
    for (const Decision& decision : decisions(db, tenant)) {
      if (decision.start) continue;
      const auto row = find_model(db, decision.owner);
      const auto claim = claim_of(db, decision.owner);
      if (!row || !claim) continue;
      queue.push_back({.position = decision.position,
                       .model = row->id,
                       .name = row->name,
                       .kind = std::string(base::word(claim->kind)),
                       .owner = row->owner,
                       .priority = claim->priority,
                       .cpus = claim->cpus,
                       .memory_bytes = claim->memory_bytes,
                       .since = base::rfc3339(claim->since_us),
                       .estimated_start = estimated_start(decision),
                       .reason = decision.reason,
                       .remedy = decision.remedy});
    }
    return queue;
  });
}

std::unique_ptr<api::EventFeed> Supervisor::follow(std::int64_t tenant, std::int64_t model, bool follow) {
  store_.read([&](Database& db) { model_of(db, tenant, model); });
  return logs_.feed(model, follow);
}

}  // namespace cloud
