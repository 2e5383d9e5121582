// From the queue to a serving process, and what becomes of it.
#include <utility>
#include "base/caught.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cloud/supervisor.h"

namespace cloud {

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
  const Claim claim = store_.read([&](Database& db) { return claim_of(db, row.id).value(); });
  Order order{.id = serving_jobs(row.id) + base::hex(base::random_bytes(6)),
              .limits = {claim.cpus, claim.memory_bytes}};
  order.program.serve = {.checkpoint = order.add("checkpoint", row.checkpoint_sha256), .threads = claim.cpus};
  serving.ready_us = 0;
  serve_through(row, serving, worker_.start(order, serving_listener(row.id)));
}

// Its process goes on. Whether it is ready, the state says, or it says so again.
void Supervisor::attach_serving(const ModelRow& row, const std::string& job) {
  Serving& serving = begin_serving(row.id);
  try {
    serve_through(row, serving, worker_.attach(job, 0, serving_listener(row.id)));
  } catch (...) {
    forget_serving(row.id);
    throw;
  }
  if (row.state == deployed) ready(serving);
  base::log_info("deployment of model {}: it went on without a server", row.id);
}

JobListener Supervisor::serving_listener(std::int64_t model) {
  return {.event = [this, model](const wire::Event& event) { serving_said(model, event); },
          .end = [this, model](const JobEnd& end) { serving_ended(model, end); }};
}

void Supervisor::serve_through(const ModelRow& row, Serving& serving, std::unique_ptr<Job> job) {
  base::Fd channel = job->take_channel();
  if (!channel) throw Error(base::Code::internal, "the job has no channel for predictions");
  serving.job = std::move(job);
  serving.deployment =
      std::make_shared<Deployment>(row.id, row.tenant_id, std::move(channel), [job = std::weak_ptr<Job>(serving.job)] {
        if (const auto still_there = job.lock()) still_there->kill();  // it speaks nonsense: another one is started
      });
  enlist(row.id, serving.deployment);
}

void Supervisor::ready(Serving& serving) {
  serving.has_served = true;
  serving.ready_us = base::steady_now_us();
  serving.deployment->open();
}

void Supervisor::start_serving(std::int64_t model) {
  const ModelRow row = *store_.read([&](Database& db) { return find_model(db, model); });
  change(model, [this](Database& db, ModelRow& now) {
    check_still_starts(db, now);
    hold(db, now.id);
    now.reason.clear();
    save(db, now);
  });
  try {
    launch_serving(row, begin_serving(model));
  } catch (...) {
    forget_serving(model);
    write_end(model, [this, model] { store_.write([&](Database& db) { wait_again(db, model); }); });
    throw;
  }
}

Supervisor::Serving& Supervisor::begin_serving(std::int64_t model) {
  const std::lock_guard lock(mutex_);
  return servings_[model];
}

Supervisor::Serving* Supervisor::serving_of(std::int64_t model) {
  const std::lock_guard lock(mutex_);
  const auto found = servings_.find(model);
  return found == servings_.end() ? nullptr : &found->second;
}

void Supervisor::forget_serving(std::int64_t model) {
  decltype(servings_)::node_type gone;  // after the lock
  const std::lock_guard lock(mutex_);
  gone = servings_.extract(model);
  changed_.notify_all();
}

// Requests can make a process print, so what goes into the daemon's log is bounded.
void Supervisor::log_of(Serving& serving, std::int64_t model, const std::string& text) {
  constexpr std::int64_t kMinuteUs = 60'000'000, kBytesPerMinute = std::int64_t{16} << 10;
  const std::int64_t minute = base::steady_now_us() / kMinuteUs;
  if (std::exchange(serving.log_minute, minute) != minute) serving.log_bytes = 0;
  if (serving.log_bytes > kBytesPerMinute) return;
  serving.log_bytes += static_cast<std::int64_t>(text.size());
  base::log_info(
      "deployment of model {}: {}{}", model, text,
      serving.log_bytes > kBytesPerMinute ? " (what it writes in this minute from here on is not kept)" : "");
}

void Supervisor::serving_said(std::int64_t model, const wire::Event& event) {
  const Turn turn(turns_, model);
  Serving* serving = serving_of(model);
  if (serving == nullptr || serving->ending || closing_) return;
  if (event.kind == wire::EventKind::log && event.text) log_of(*serving, model, *event.text);
  if (event.kind != wire::EventKind::ready) return;
  change(model, [](Database& db, ModelRow& row) {
    if (row.state == deploying) become(db, row, deployed);
  });
  ready(*serving);
  wake();
}

void Supervisor::serving_ended(std::int64_t model, const JobEnd& end) {
  Turn turn(turns_, model);
  Serving* const found = serving_of(model);
  if (found == nullptr) return;
  Serving& serving = *found;
  if (serving.deployment) serving.deployment->fail();
  enlist(model, nullptr);
  serving.deployment.reset();
  try {
    if (!closing_ && !serving.ending) {
      // Having been ready ends a row of failures; for want of memory, only if it has served for a while, because what
      // asks for too much of it comes after the start.
      const bool settled = !end.out_of_memory || base::steady_now_us() - serving.ready_us > kSettledUs;
      if (serving.ready_us != 0 && settled) serving.failures = 0;
      const int failures = end.never_began ? std::max(serving.failures, 1) : ++serving.failures;
      const int wait_ms = std::min(30000, 100 << std::min(failures, 10));
      base::log_warning("the deployment of model {} ended with {}", model, end.text());
      const bool give_up = failures > kMaxCrashes || (end.out_of_memory && !serving.has_served);
      if (!give_up) note_crash(model, fmt::format("its process ended with {}; started again", end.text()));
      if (give_up) {
        const std::string why = end.out_of_memory ? "it needs more than its memory"
                                                  : fmt::format("its process ended {} times in a row", failures);
        serving_over(model, fmt::format("undeployed, because {}; the last time it ended with {}", why, end.text()));
        return;
      }
      // This thread belongs to the ended process and has nothing else to do.
      turn.unlock();
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return closing_ || serving.ending; });
      }
      turn.lock();
      if (!closing_ && !serving.ending) {
        launch_serving(*store_.read([&](Database& db) { return find_model(db, model); }), serving);
        return;
      }
    }
    if (serving.ending) return serving_over(model, "");
    forget_serving(model);
  } catch (...) {
    const Error error = base::caught();
    base::log_error("deployment of model {}: {}", model, error.message);
    if (is_temporary(error)) return serving_waits(model, base::message_for_others(error));
    return serving_over(model, fmt::format("undeployed: {}", base::message_for_others(error)));
  }
}

// That the database refuses this (a full disk, for one) is no reason not to serve.
void Supervisor::note_crash(std::int64_t model, const std::string& reason) {
  try {
    change(model, [&](Database& db, ModelRow& row) {
      if (row.state == deployed) return become(db, row, deploying, reason);
      row.reason = reason;
      save(db, row);
    });
  } catch (...) {
    base::log_error("deployment of model {}: {}", model, base::caught().message);
  }
}

// This machine lacks something for its next process, which is no fault of the model: that is started when there is.
void Supervisor::serving_waits(std::int64_t model, const std::string& reason) {
  forget_serving(model);
  if (!closing_) rest(model, reason);
  write_end(model, [this, model] {
    change(model, [](Database& db, ModelRow& row) {
      if (row.state == deployed) become(db, row, deploying);
      wait_again(db, row.id);
    });
  });
}

// Its last process has ended, and there will be no other.
void Supervisor::serving_over(std::int64_t model, std::string reason) {
  write_end(model, [this, model, reason = std::move(reason)] {
    end_deployment(model, reason);
    forget_serving(model);
  });
  if (closing_ && drop_unwritten_end(model)) forget_serving(model);  // the next start deploys it again
  wake();
}

void Supervisor::end_deployment(std::int64_t model, std::string reason) {
  change(model, [&](Database& db, ModelRow& row) {
    become(db, row, base::decode<ModelState>(base::json::value(row.rest_state)), reason);
  });
}

}  // namespace cloud
