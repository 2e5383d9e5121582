// What people ask of models.
#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/answers.h"
#include "cloud/datasets.h"
#include "cloud/supervisor.h"
#include "cloud/tenants.h"
#include "cloud/volumes.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;
using enum api::ModelState;

// Refuses at once what can never run.
void check_allotment(Database& db, std::int64_t tenant_id, int cpus, std::int64_t memory_bytes) {
  const api::Tenant tenant = tenant_with(db, tenant_id);
  if (tenant.cpus < 1 || tenant.memory_bytes == 0)
    throw Error(
        Code::over_allotment,
        fmt::format("tenant '{0}' is allotted {1} and {2} of memory, so nothing can run; an administrator allots some: "
                    "ncloud resource allot {0} --cpus N --memory SIZE",
                    tenant.name, base::counted(tenant.cpus, "CPU"), base::size_text(tenant.memory_bytes)));
  if (cpus > tenant.cpus)
    throw Error(Code::over_allotment,
                fmt::format("{} asked for, but tenant '{}' is allotted {}", base::counted(cpus, "CPU"), tenant.name,
                            tenant.cpus),
                "/cpus");
  if (memory_bytes > tenant.memory_bytes)
    throw Error(Code::over_allotment,
                fmt::format("{} of memory asked for, but tenant '{}' is allotted {}", base::size_text(memory_bytes),
                            tenant.name, base::size_text(tenant.memory_bytes)),
                "/memory");
}

void check_queue(Database& db, std::int64_t tenant_id) {
  const std::int64_t waiting =
      db.number("select count(*) from models where tenant_id = ? and state = 'queued'", tenant_id);
  if (waiting >= Supervisor::kMaxQueued)
    throw Error(
        Code::over_allotment,
        fmt::format("{} trainings wait already, which is as many as a tenant may have; try again when some have "
                    "started, or stop some",
                    waiting));
}

[[noreturn]] void refuse(const ModelRow& row, std::string_view why) {
  throw Error(Code::conflict, fmt::format("model {} is {}: {}", row.id, base::word(row.state), why));
}

}  // namespace

// Everything that the database can refuse; sets the number of CPUs that nobody gave.
void Supervisor::check_submit(Database& db, ModelRow& row, const std::vector<DatasetOfModel>& datasets) {
  if (row.cpus == 0) {
    // Trainings end; a deployment gives nothing back by itself.
    const std::int64_t deployed_cpus =
        db.number("select coalesce(sum(cpus), 0) from claims where tenant_id = ? and kind = ?", row.tenant_id,
                  ClaimKind::deployment);
    row.cpus =
        static_cast<int>(std::max(1.0, tenant_with(db, row.tenant_id).cpus - static_cast<double>(deployed_cpus)));
  }
  check_allotment(db, row.tenant_id, row.cpus, row.memory_bytes);
  check_queue(db, row.tenant_id);
  check_storage(db, row.tenant_id, 1);        // for its checkpoints
  for (const DatasetOfModel& use : datasets)  // may have been removed since it was looked up
    dataset_id_of(db, row.tenant_id, std::to_string(*use.dataset_id));
  for (const VolumeOfModel& use : row.volumes) volume_id_of(db, row.tenant_id, std::to_string(*use.volume_id));
}

api::Model Supervisor::submit(const api::Call& call, ModelRow row, const std::vector<DatasetOfModel>& datasets,
                              const Objects::Pin* start) {
  if (closing_) throw Error(Code::unavailable, "the server is ending; try again when it is back");
  row.created_us = base::wall_now_us();
  row.state = queued;
  // It is not started before its followers would hear of that.
  const std::shared_ptr<void> announced(nullptr, [&](void*) {
    {
      const std::lock_guard lock(mutex_);
      unannounced_.erase(row.id);
    }
    wake();
  });
  store_.write([&](Database& db) {
    check_submit(db, row, datasets);
    if (start != nullptr) objects_.refer(db, *start);
    row.id = insert_model(db, row, datasets);
    keep_answer(db, call, base::encode(shown(db, row)));
    const std::lock_guard lock(mutex_);
    unannounced_.insert(row.id);
  });
  logs_.set_live(row.id, true);
  note_state(row);
  if (const auto missing = worker_.protection().missing; !missing.empty())
    note(row.id, {.kind = api::TrainingEventKind::log,
                  .text = fmt::format("this server cannot limit a job in: {}", fmt::join(missing, ", "))});
  return show(row.tenant_id, row.id);
}

bool Supervisor::in_motion(const ModelRow& row) {
  return row.state == undeploying || (row.state == running && row.stop_requested);
}

api::Later<api::Model> Supervisor::run(Errand errand, bool wait) {
  wait = wait && !waits_end_;
  if (wait) {
    const std::lock_guard lock(mutex_);
    const auto waiting = std::count_if(errands_.begin(), errands_.end(),
                                       [&](const Errand& other) { return other.tenant == errand.tenant; });
    if (waiting >= kMaxWaits)
      throw Error(Code::unavailable,
                  fmt::format("{} requests of this tenant wait already; ask without wait", kMaxWaits));
  }
  errand.until_us = base::steady_now_us() + (wait ? kMaxWaitUs : 0);
  if (!go_on(errand, !wait)) {
    const std::lock_guard lock(mutex_);
    errands_.push_back(errand);
    wake_held(base::steady_now_us());  // what it waits for may have come meanwhile
  }
  return errand.answer;
}

// Whether it has been answered.
bool Supervisor::go_on(Errand& errand, bool last) {
  std::optional<api::Later<api::Model>::Outcome> outcome;
  try {
    const auto row = [&] {
      return store_.read([&](Database& db) { return model_of(db, errand.tenant, errand.model); });
    };
    if (!errand.begun) {
      if (!last && !errand.may_begin(row())) return false;
      errand.begun = true;
      errand.begin();
    }
    const ModelRow now = row();
    if (errand.done(now)) {
      if (errand.check_result) errand.check_result(now);
    } else if (!last) {
      return false;
    }
    outcome.emplace(show(errand.tenant, errand.model));
  } catch (...) {
    outcome.emplace(std::current_exception());
  }
  errand.answer.complete(std::move(*outcome));
  return true;
}

void Supervisor::go_on_with_errands() {
  const std::int64_t now = base::steady_now_us();
  std::unique_lock lock(mutex_);
  for (std::size_t left = errands_.size(); left > 0; --left) {
    std::list<Errand> errand;
    errand.splice(errand.begin(), errands_, errands_.begin());
    lock.unlock();
    const bool answered = go_on(errand.front(), waits_end_ || closing_ || now >= errand.front().until_us);
    lock.lock();
    if (answered) continue;
    wake_held(errand.front().until_us);
    errands_.splice(errands_.end(), errand);
  }
}

void Supervisor::end_waits() {
  waits_end_ = true;
  wake();
  settle();
}

api::Later<api::Model> Supervisor::stop(std::int64_t tenant, std::int64_t model, bool wait) {
  return run({.tenant = tenant,
              .model = model,
              .may_begin = [](const ModelRow&) { return true; },
              .begin =
                  [=, this] {
                    const Turn turn(turns_, model);
                    begin_stop(tenant, model);
                  },
              .done = [](const ModelRow& row) { return row.state != running; }},
             wait);
}

api::Later<api::Model> Supervisor::resume(std::int64_t tenant, std::int64_t model, std::optional<std::int64_t> epochs,
                                          std::optional<int> cpus, bool wait) {
  return run({.tenant = tenant,
              .model = model,
              .may_begin = [](const ModelRow& row) { return !in_motion(row); },
              .begin =
                  [=, this] {
                    const Turn turn(turns_, model);
                    begin_resume(tenant, model, epochs, cpus);
                  },
              .done = [](const ModelRow&) { return true; }},
             wait);
}

api::Later<api::Model> Supervisor::deploy(std::int64_t tenant, std::int64_t model, int cpus, std::int64_t memory_bytes,
                                          bool wait) {
  if (closing_) throw Error(Code::unavailable, "the server is ending; try again when it is back");
  return run({.tenant = tenant,
              .model = model,
              .may_begin = [](const ModelRow& row) { return !in_motion(row); },
              .begin =
                  [=, this] {
                    const Turn turn(turns_, model);
                    begin_deploy(tenant, model, cpus, memory_bytes);
                  },
              .done = [](const ModelRow& row) { return row.state != deploying; },
              .check_result =
                  [](const ModelRow& row) {
                    if (row.state != deployed)
                      refuse(row, row.reason.empty() ? "its deployment was ended before it answered" : row.reason);
                  }},
             wait);
}

api::Later<api::Model> Supervisor::undeploy(std::int64_t tenant, std::int64_t model, bool wait) {
  return run({.tenant = tenant,
              .model = model,
              .may_begin = [](const ModelRow&) { return true; },
              .begin =
                  [=, this] {
                    const Turn turn(turns_, model);
                    begin_undeploy(tenant, model);
                  },
              .done = [](const ModelRow& row) { return row.state != undeploying; }},
             wait);
}

void Supervisor::begin_stop(std::int64_t tenant, std::int64_t model) {
  const ModelRow found = store_.read([&](Database& db) { return model_of(db, tenant, model); });
  if (found.state == queued) {
    change(model, [](Database& db, ModelRow& row) {
      row.ended_us = base::wall_now_us();
      become(db, row, stopped,
             row.checkpoint_sha256.empty() ? "stopped before it began" : "stopped while it waited to go on");
    });
    note_state(*store_.read([&](Database& db) { return find_model(db, model); }));
    logs_.set_live(model, false);
    wake();
  } else if (found.state == running) {
    if (!found.stop_requested) {
      change(model, [](Database& db, ModelRow& row) {
        row.stop_requested = true;
        row.reason = "stopping: it writes a checkpoint first";
        save(db, row);
      });
      const Training* training = training_of(model);
      if (training != nullptr && training->job) training->job->stop(kStopGraceMs);
    }
    write_end_again(model);
    if (training_of(model) == nullptr && !closing_) {
      change(model, [](Database& db, ModelRow& row) {
        if (row.state != running) return;
        row.stop_requested = false;
        row.epochs_completed = row.checkpoint_epochs;
        row.ended_us = base::wall_now_us();
        become(db, row, stopped, "stopped; its job had ended before, so it goes on from its last checkpoint");
      });
      drop_unwritten_end(model);
      note_state(*store_.read([&](Database& db) { return find_model(db, model); }));
      logs_.set_live(model, false);
      wake();
    }
  } else {
    refuse(found,
           found.state == stopped ? "there is nothing to stop" : "only a queued or running training can be stopped");
  }
}

void Supervisor::begin_resume(std::int64_t tenant, std::int64_t model, std::optional<std::int64_t> epochs,
                              std::optional<int> cpus) {
  if (closing_) throw Error(Code::unavailable, "the server is ending; try again when it is back");
  bool live = false;
  const std::shared_ptr<void> unless_written(nullptr, [&](void*) {
    if (live) logs_.set_live(model, false);
  });
  const ModelRow resumed = store_.write([&](Database& db) {
    ModelRow row = model_of(db, tenant, model);
    if (row.state == queued || row.state == running)
      refuse(row, row.stop_requested
                      ? "it is stopping; try again when it has stopped, or wait for that (wait: true)"
                      : fmt::format("it goes on already; follow it with: ncloud model follow {}", model));
    if (row.state == undeploying)
      refuse(row, "its deployment is just ending; try again in a moment, or wait for that (wait: true)");
    if (row.state == deploying || row.state == deployed)
      refuse(row, fmt::format("undeploy it first: ncloud model undeploy {}", model));
    if (row.state != stopped && row.state != error && row.state != completed) refuse(row, "it cannot be resumed");
    const std::int64_t wanted = epochs.value_or(row.epochs);
    if (wanted <= row.epochs_completed)
      throw Error(Code::conflict, fmt::format("model {0} has completed {1} epochs and {2} were asked for; ask for "
                                              "more: ncloud model resume {0} --epochs {3}",
                                              model, row.epochs_completed, wanted, row.epochs_completed + 1));
    row.cpus = cpus.value_or(row.cpus);
    check_allotment(db, tenant, row.cpus, row.memory_bytes);
    check_queue(db, tenant);
    check_storage(db, tenant, 1);
    for (const DatasetOfModel& use : datasets_of(db, model))
      if (!use.dataset_id)
        throw Error(
            Code::conflict,
            fmt::format("dataset '{}', which model {} was trained with, has been removed; upload the same files "
                        "again (under any name), then resume it",
                        use.name, model));
    for (const VolumeOfModel& use : volumes_of(db, model))
      if (!use.volume_id)
        throw Error(Code::conflict, fmt::format("volume '{}', which model {} was trained with, has been removed; train "
                                                "the model file anew with another",
                                                use.name, model));
    row.epochs = wanted;
    row.stop_requested = false;
    row.crashes_since_checkpoint = 0;
    row.ended_us = std::nullopt;
    become(db, row, queued);
    logs_.set_live(model, live = true);  // before anybody can see it queued: followers of what is not live end at once
    return row;
  });
  live = false;
  note_state(resumed);
  wake();
}

api::Model Supervisor::rename(const api::Call& call, std::int64_t model, const std::string& name) {
  const Turn turn(turns_, model);
  const std::int64_t tenant = call.identity.tenant_id;
  api::check_if_match(call, show(tenant, model));
  store_.write([&](Database& db) {
    ModelRow row = model_of(db, tenant, model);
    row.name = name;
    save(db, row);
  });
  return show(tenant, model);
}

api::Deleted Supervisor::remove(std::int64_t tenant, std::int64_t model) {
  const Turn turn(turns_, model);
  std::vector<std::string> checkpoints;
  api::Deleted deleted = store_.write([&](Database& db) {
    const ModelRow row = model_of(db, tenant, model);
    if (row.state == running) refuse(row, fmt::format("stop it first: ncloud model stop {}", model));
    if (row.state == undeploying) refuse(row, "its deployment is just ending; try again in a moment");
    if (row.state == deploying || row.state == deployed)
      refuse(row, fmt::format("undeploy it first: ncloud model undeploy {}", model));
    db.run("delete from model_datasets where model_id = ?", model);
    give_back(db, model);
    db.run("delete from model_volumes where model_id = ?", model);
    db.run("delete from models where id = ?", model);
    for (const std::string& sha256 : {row.checkpoint_sha256, row.previous_sha256, row.start_sha256})
      if (!sha256.empty()) checkpoints.push_back(sha256);
    for (const std::string& sha256 : checkpoints) objects_.release(db, sha256);
    return api::Deleted{.freed_bytes = row.checkpoint_bytes.value_or(0) + row.previous_bytes.value_or(0)};
  });
  objects_.collect(checkpoints);
  deleted.freed_bytes += logs_.remove(model);
  wake();  // it may have been first in the queue
  return deleted;
}

void Supervisor::begin_deploy(std::int64_t tenant, std::int64_t model, int cpus, std::int64_t memory_bytes) {
  if (closing_ || waits_end_) throw Error(Code::unavailable, "the server is ending; try again when it is back");
  store_.write([&](Database& db) {
    ModelRow row = model_of(db, tenant, model);
    if (row.state == deployed || row.state == deploying) refuse(row, "there is nothing to do");
    if (row.state == undeploying)
      refuse(row, "its deployment is just ending; try again in a moment, or wait for that (wait: true)");
    if (in_training(row.state)) refuse(row, fmt::format("wait for its end, or stop it: ncloud model stop {}", model));
    if (row.state == error)
      refuse(row, fmt::format("its training failed ({}); resume it: ncloud model resume {}", row.reason, model));
    if (row.checkpoint_sha256.empty())
      refuse(row, fmt::format("it has no checkpoint yet; train it: ncloud model resume {}", model));
    check_allotment(db, tenant, cpus, memory_bytes);
    row.rest_state = base::word(row.state);
    become(db, row, deploying);
    queue_up(db, {.kind = ClaimKind::deployment,
                  .owner = model,
                  .tenant = tenant,
                  .cpus = cpus,
                  .memory_bytes = memory_bytes,
                  .since_us = base::wall_now_us()});
  });
  wake();
}

void Supervisor::begin_undeploy(std::int64_t tenant, std::int64_t model) {
  const ModelRow found = store_.read([&](Database& db) { return model_of(db, tenant, model); });
  if (found.state == undeploying) return;
  if (found.state != deployed && found.state != deploying)
    refuse(found, fmt::format("it is not deployed; deploy it with: ncloud model deploy {}", model));
  Serving* serving = serving_of(model);
  if (serving == nullptr) {
    end_deployment(model, "");
    drop_unwritten_end(model);
    wake();
    return;
  }
  change(model, [](Database& db, ModelRow& row) { become(db, row, undeploying); });
  {
    const std::lock_guard lock(mutex_);
    serving->ending = true;
    changed_.notify_all();  // it may wait to be started again
  }
  if (serving->deployment) {
    // The socket stays with the deployment until the last answer is out; then the process may go.
    serving->deployment->drain([job = std::weak_ptr<Job>(serving->job)] {
      if (const auto still_there = job.lock()) still_there->kill();
    });
  }
}

api::Later<api::Prediction> Supervisor::predict(std::int64_t tenant, std::int64_t model, int k,
                                                std::string_view input) {
  std::shared_ptr<Deployment> deployment;
  {
    const std::shared_lock lock(registry_mutex_);
    const auto found = registry_.find(model);
    if (found != registry_.end() && found->second->tenant() == tenant) deployment = found->second;
  }
  if (deployment) return deployment->predict(k, input);
  const ModelRow row = store_.read([&](Database& db) { return model_of(db, tenant, model); });
  if (row.state == deploying || row.state == deployed)
    throw Error(Code::unavailable, fmt::format("model {} is being deployed{}; try again in a moment", model,
                                               row.reason.empty() ? "" : " (" + row.reason + ")"));
  throw Error(Code::conflict, fmt::format("model {0} is not deployed; deploy it with: ncloud model deploy {0}", model));
}

}  // namespace cloud
