#include "apps/ncloud/follow.h"

#include "apps/ncloud/terminal.h"
#include "base/clock.h"
#include "base/log.h"

namespace ncloud {
namespace {

using api::TrainingEvent;
using api::TrainingEventKind;

std::string figures(const TrainingEvent& event) {
  std::string out;
  if (event.cost) out += fmt::format("  cost {:.4f}", *event.cost);
  if (event.eval_cost) out += fmt::format("  eval cost {:.4f}", *event.eval_cost);
  if (event.metrics)
    for (const auto& metric : *event.metrics)
      out += fmt::format("  {} {}", std::string_view(metric.key()), metric.value().is_number() ? fmt::format("{:.4g}", metric.value().to_number<double>()) : base::to_text(metric.value()));
  return out;
}

std::string epoch_text(const TrainingEvent& event) {
  const std::string of = event.epochs ? fmt::format("/{}", *event.epochs) : "";
  return fmt::format("epoch {}{}", event.epoch.value_or(0) + 1, of);
}

std::string step_text(const TrainingEvent& event) {
  std::string out = epoch_text(event);
  if (event.batch) out += fmt::format("  batch {}{}", *event.batch, event.batches ? fmt::format("/{}", *event.batches) : "");
  out += figures(event);
  if (event.images_per_s) out += fmt::format("  {:.0f} images/s", *event.images_per_s);
  if (event.eta_s) out += fmt::format("  ETA {}", base::duration_text(*event.eta_s));
  return out;
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
      return fmt::format("{}{}", event.state ? base::word(*event.state) : "state", event.text && !event.text->empty() ? ": " + *event.text : "");
    case TrainingEventKind::restart: return fmt::format("restarted{}", event.text ? ": " + *event.text : "");
    case TrainingEventKind::log: return event.text.value_or("");
  }
  return "";
}

}  // namespace

int follow_training(Session& session, std::int64_t model, std::int64_t after) {
  LiveLine live;
  const bool as_json = session.format() == Format::json;
  const auto on_event = [&](const TrainingEvent& event, std::int64_t) {
    if (as_json) {
      session.print(base::to_text(base::encode(event)) + "\n");
      return true;
    }
    if (event.kind == TrainingEventKind::step) {
      live.draw(step_text(event));
    } else if (const std::string line = lasting_line(event); !line.empty()) {
      live.clear();
      session.print(base::printable(line) + "\n");
    }
    return true;
  };
  const bool ended = session.client().follow(api::follow_model, {.model = model, .after = after, .follow = true}, on_event, interrupted);
  live.clear();
  if (!ended) {
    session.note(fmt::format("training goes on; come back with: ncloud model follow {}", model));
    return base::kind_of(base::Code::interrupted).exit_code;
  }
  const api::Model final_state = session.client().call(api::get_model, {.model = model});
  std::string line = fmt::format("model {} is {}", model, base::word(final_state.state));
  if (!final_state.reason.empty()) line += ": " + final_state.reason;
  line += fmt::format("  (epochs {}/{}", final_state.epochs_completed, final_state.epochs);
  if (final_state.train_cost) line += fmt::format(", cost {:.4f}", *final_state.train_cost);
  if (final_state.eval_cost) line += fmt::format(", eval cost {:.4f}", *final_state.eval_cost);
  const std::string metrics = cell("", final_state.metrics);
  line += fmt::format("{}{})", metrics.empty() ? "" : ", ", metrics);
  if (as_json)
    session.note(line);
  else
    session.print(base::printable(line) + "\n");
  return final_state.state == api::ModelState::error ? 1 : 0;
}

}  // namespace ncloud
