#include "apps/ncloud/command.h"
#include "apps/ncloud/follow.h"
#include "base/log.h"

namespace ncloud {
namespace {

using api::TrainingEvent;
using api::TrainingEventKind;

/// Calls `visit` with what has happened so far.
template <class Visit>
void for_each_event(Session& session, const api::ModelKey& model, Visit visit) {
  session.client().follow(api::follow_model, {.model = model, .follow = false},
                          [&](const TrainingEvent& event, std::int64_t) {
                            visit(event);
                            return true;
                          });
}

std::string checkpoint_text(const TrainingEvent& event) {
  std::string out = "checkpoint";
  if (event.epoch) out += fmt::format(" in epoch {}", *event.epoch + 1);
  if (event.batch)
    out += fmt::format(", batch {}{}", *event.batch, event.batches ? fmt::format("/{}", *event.batches) : "");
  return out;
}

struct Logs {
  api::ModelKey model;
  bool follow = false;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Logs::model, "its number or name").required().positional(),
                      base::field("follow", &Logs::follow, "go on until the training ends").flag('f'));
  }
};

int logs(Session& session, const Logs& options) {
  if (options.follow) return follow_training(session, options.model);
  for_each_event(session, options.model, [&](const TrainingEvent& event) {
    if (session.format() == Format::json) {
      session.print(base::to_text(base::encode(event)) + "\n");
      return;
    }
    std::string text;
    if (event.kind == TrainingEventKind::state && event.state) text = fmt::format("state {}", base::word(*event.state));
    if (event.kind == TrainingEventKind::restart) text = "restart";
    if (event.kind == TrainingEventKind::checkpoint) text = checkpoint_text(event);
    if (event.kind == TrainingEventKind::epoch) text = fmt::format("epoch {} ended", event.epoch.value_or(0) + 1);
    if (event.kind == TrainingEventKind::epoch && event.cost) text += fmt::format(", cost {:.4f}", *event.cost);
    if (event.text && !event.text->empty()) text += (text.empty() ? "" : ": ") + *event.text;
    if (!text.empty())
      session.print(fmt::format("{}  {}\n", cell("created_at", base::json::value(event.at)), base::printable(text)));
  });
  return 0;
}

struct Metrics {
  api::ModelKey model;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Metrics::model, "its number or name").required().positional());
  }
};

int metrics(Session& session, const Metrics& options) {
  base::json::array rows;
  for_each_event(session, options.model, [&](const TrainingEvent& event) {
    if (event.kind != TrainingEventKind::epoch) return;
    base::json::object row{{"epoch", event.epoch.value_or(0) + 1}};
    if (event.cost) row["cost"] = *event.cost;
    if (event.eval_cost) row["eval_cost"] = *event.eval_cost;
    if (event.metrics)
      for (const auto& metric : *event.metrics) row[metric.key()] = metric.value();
    if (event.images_per_s) row["images_per_s"] = *event.images_per_s;
    if (event.seconds) row["seconds"] = *event.seconds;
    rows.push_back(row);
  });
  session.show(rows);
  if (rows.empty()) session.note("no epoch has ended yet");
  return 0;
}

const Shelved shelved_logs(command("model logs", "Show what happened in a training", logs));
const Shelved shelved_metrics(command("model metrics", "Show cost and metrics of each epoch", metrics));

}  // namespace
}  // namespace ncloud
