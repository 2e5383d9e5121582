#include "apps/ncloud/follow.h"

#include "apps/ncloud/terminal.h"
#include "apps/ncloud/wait.h"
#include "base/clock.h"
#include "base/log.h"

namespace ncloud {
namespace {

using api::ModelState;
using api::TrainingEvent;
using api::TrainingEventKind;

std::string figures(const TrainingEvent& event) {
  std::string out;
  if (event.cost) out += fmt::format("  cost {:.4f}", *event.cost);
  if (event.eval_cost) out += fmt::format("  eval cost {:.4f}", *event.eval_cost);
  if (event.metrics)
    for (const auto& metric : *event.metrics)
      out += fmt::format("  {} {}", std::string_view(metric.key()),
                         metric.value().is_number() ? fmt::format("{:.4g}", metric.value().to_number<double>())
                                                    : base::to_text(metric.value()));
  return out;
}

std::string epoch_text(const TrainingEvent& event) {
  const std::string of = event.epochs ? fmt::format("/{}", *event.epochs) : "";
  return fmt::format("epoch {}{}", event.epoch.value_or(0) + 1, of);
}

std::vector<LivePart> step_parts(const TrainingEvent& event) {
  std::vector<LivePart> parts{{epoch_text(event)}};
  if (event.batch)
    parts.push_back(
        {fmt::format("batch {}{}", *event.batch, event.batches ? fmt::format("/{}", *event.batches) : ""), 1});
  if (event.cost) parts.push_back({fmt::format("cost {:.4f}", *event.cost), 3});
  if (event.images_per_s) parts.push_back({fmt::format("{:.0f} images/s", *event.images_per_s), 4});
  if (event.eta_s) parts.push_back({fmt::format("ETA {}", base::duration_text(*event.eta_s)), 2});
  return parts;
}

/// The line that stays on the screen for an event; empty for those that pass.
std::string lasting_line(const TrainingEvent& event) {
  switch (event.kind) {
    case TrainingEventKind::step: return "";
    case TrainingEventKind::checkpoint: return "";
    case TrainingEventKind::epoch: {
      std::string out = epoch_text(event) + figures(event);
      if (event.images_per_s) out += fmt::format("  {:.0f} images/s", *event.images_per_s);
      if (event.seconds) out += fmt::format("  {}", base::duration_text(*event.seconds));
      return out;
    }
    case TrainingEventKind::state:
      return fmt::format("{}{}", event.state ? base::word(*event.state) : "state",
                         event.text && !event.text->empty() ? ": " + *event.text : "");
    case TrainingEventKind::restart: return fmt::format("restarted{}", event.text ? ": " + *event.text : "");
    case TrainingEventKind::log: return event.text.value_or("");
  }
  return "";
}

bool is_waiting(ModelState state) { return state == ModelState::received || state == ModelState::queued; }

/// Shows why a model is in the queue until it is not. False after Ctrl-C.
bool wait_in_queue(Session& session, std::int64_t model) {
  LiveLine live;
  std::string told;
  while (true) {
    const std::optional<api::Model> now = look_at(session, model);
    if (!now) return false;
    if (now->state != ModelState::queued) return true;
    const std::string place =
        now->queue_position ? fmt::format("number {} in the queue", *now->queue_position) : "in the queue";
    live.draw({{place}, {now->reason}});
    const std::string line = now->reason.empty() ? place : fmt::format("{}: {}", place, now->reason);
    if (!shows_live_lines() && line != std::exchange(told, line)) session.note(line);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

/// What is said at the end of a training. A reason that was `shown` is not told again.
std::string last_line(const api::Model& model, std::string_view shown) {
  std::string line = fmt::format("{} is {}", name_of(model), base::word(model.state));
  if (!model.reason.empty() && model.reason != shown) line += ": " + model.reason;
  line += fmt::format("  (epochs {}/{}", model.epochs_completed, model.epochs);
  if (model.train_cost) line += fmt::format(", cost {:.4f}", *model.train_cost);
  if (model.eval_cost) line += fmt::format(", eval cost {:.4f}", *model.eval_cost);
  const std::string metrics = cell("", model.metrics);
  return line + fmt::format("{}{})", metrics.empty() ? "" : ", ", metrics);
}

int say_goodbye(const Session& session, std::int64_t model, bool waits) {
  return leave(session, waits ? "it stays in the queue" : "training goes on", fmt::format("model follow {}", model));
}

}  // namespace

int follow_training(Session& session, const api::ModelKey& key, std::int64_t after) {
  const std::optional<api::Model> first = look_at(session, key);
  if (!first) return base::kind_of(base::Code::interrupted).exit_code;
  const std::int64_t model = first->id;
  LiveLine live;
  const bool as_json = session.format() == Format::json;
  ModelState state = ModelState::running;
  std::string shown_reason;
  const auto on_event = [&](const TrainingEvent& event, std::int64_t id) {
    after = id;
    if (event.kind == TrainingEventKind::state && event.state) {
      state = *event.state;
      shown_reason = event.text.value_or("");
    }
    if (as_json) {
      session.print(base::to_text(base::encode(event)) + "\n");
      return true;
    }
    if (event.kind == TrainingEventKind::step) {
      live.draw(step_parts(event));
    } else if (const std::string line = lasting_line(event); !line.empty()) {
      live.clear();
      session.print(base::printable(line) + "\n");
    }
    return event.kind != TrainingEventKind::state || state != ModelState::queued;  // no events tell why it waits
  };
  while (!session.client().follow(api::follow_model, {.model = model, .after = after, .follow = true}, on_event,
                                  interrupted)) {
    live.clear();
    if (interrupted() || !wait_in_queue(session, model)) return say_goodbye(session, model, is_waiting(state));
  }
  live.clear();
  const std::optional<api::Model> ended = look_at(session, model);
  if (!ended) return base::kind_of(base::Code::interrupted).exit_code;
  const std::string line = last_line(*ended, as_json ? "" : shown_reason);
  if (as_json)
    session.note(line);
  else
    session.print(base::printable(line) + "\n");
  return ended->state == ModelState::error ? 1 : 0;
}

}  // namespace ncloud
