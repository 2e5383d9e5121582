// From the queue to a serving process, and what becomes of it.
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cloud/supervisor.h"

namespace cloud {

using base::Code;
using base::Error;
using enum api::ModelState;

void Supervisor::enlist(std::int64_t model, std::shared_ptr<Deployment> deployment) {
  const std::lock_guard lock(registry_mutex_);
  if (deployment)
    registry_[model] = std::move(deployment);
  else
    registry_.erase(model);
}

void Supervisor::launch_serving(const ModelRow& row, Serving& serving) {
  const std::int64_t model = row.id;
  base::Fd socket;
  serving.job = worker_.serve({.checkpoint = objects_.path_of(row.checkpoint_sha256), .limits = {row.deploy_cpus, row.deploy_memory_bytes}}, socket,
                              {.event = [this, model](const job::Event& event, const std::filesystem::path&) { serving_said(model, event); },
                               .end = [this, model](const JobEnd& end) { serving_ended(model, end); }});
  serving.deployment = std::make_shared<Deployment>(model, row.tenant_id, std::move(socket));
  enlist(model, serving.deployment);
}

void Supervisor::start_serving(std::int64_t model) {
  const ModelRow row = *store_.read([&](Database& db) { return find_model(db, model); });
  change(model, [](Database& db, ModelRow& now) {
    now.holds = true;
    now.reason.clear();
    save(db, now);
  });
  Serving& serving = servings_[model];
  try {
    launch_serving(row, serving);
  } catch (...) {
    servings_.erase(model);
    throw;
  }
}

void Supervisor::serving_said(std::int64_t model, const job::Event& event) {
  const std::lock_guard lock(control_);
  const auto found = servings_.find(model);
  if (found == servings_.end() || found->second.ending || closing_) return;
  if (event.kind == job::EventKind::log && event.text) base::log_info("deployment of model {}: {}", model, *event.text);
  if (event.kind != job::EventKind::ready) return;
  change(model, [](Database& db, ModelRow& row) {
    if (row.state == deploying) become(db, row, deployed);
  });
  found->second.failures = 0;
  found->second.deployment->open();
}

void Supervisor::serving_ended(std::int64_t model, const JobEnd& end) {
  std::unique_lock lock(control_);
  const auto found = servings_.find(model);
  if (found == servings_.end()) return;
  Serving& serving = found->second;
  if (serving.deployment) serving.deployment->fail();
  enlist(model, nullptr);
  serving.deployment.reset();
  try {
    if (!closing_ && !serving.ending) {
      const int failures = ++serving.failures;
      const int wait_ms = std::min(30000, 100 << std::min(failures, 10));
      base::log_warning("the deployment of model {} ended with {}", model, end.text());
      bool give_up = false;
      change(model, [&](Database& db, ModelRow& row) {
        give_up = failures > kMaxCrashes || end.out_of_memory;
        if (give_up) return;
        const std::string reason = fmt::format("its process ended with {}; started again", end.text());
        if (row.state == deployed) {
          become(db, row, deploying, reason);
        } else {
          row.reason = reason;
          save(db, row);
        }
      });
      if (give_up) {
        servings_.erase(model);
        end_deployment(model, fmt::format("undeployed, because its process ended {} times in a row, the last time with {}", failures, end.text()));
        changed_.notify_all();
        return;
      }
      // This thread belongs to the ended process and has nothing else to do.
      changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return closing_ || serving.ending; });
      if (!closing_ && !serving.ending) {
        launch_serving(*store_.read([&](Database& db) { return find_model(db, model); }), serving);
        return;
      }
    }
    const bool ending = serving.ending;
    servings_.erase(model);
    if (ending) end_deployment(model, "");
  } catch (const std::exception& error) {
    base::log_error("deployment of model {}: {}", model, error.what());
    servings_.erase(model);
    try {
      end_deployment(model, fmt::format("undeployed: {}", error.what()));
    } catch (const std::exception& again) {
      base::log_error("deployment of model {}: {}", model, again.what());
    }
  }
  changed_.notify_all();
}

void Supervisor::end_deployment(std::int64_t model, std::string reason) {
  change(model, [&](Database& db, ModelRow& row) {
    row.holds = false;
    row.deploy_cpus = 0;
    row.deploy_memory_bytes = 0;
    become(db, row, base::decode<ModelState>(base::json::value(row.rest_state)), reason);
  });
  dispatch_held();
}

}  // namespace cloud
