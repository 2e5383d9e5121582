#include <fmt/format.h>

#include <map>

#include "apps/neon/commands.h"
#include "base/clock.h"
#include "job/data.h"
#include "neon/plan.h"

namespace {

/// Microseconds of one layer by what they are for.
using Times = std::map<std::string, double>;

struct Row {
  std::string name;
  Times times;
  double sum() const {
    double sum = 0;
    for (const auto& [stage, time] : times) sum += time;
    return sum;
  }
};

/// The rows in the order of their first step; what belongs to no layer comes under its own name.
std::vector<Row> by_layer(const std::vector<neon::StepTime>& times) {
  std::vector<Row> rows;
  for (const neon::StepTime& time : times) {
    const std::string& name = time.step.layer.empty() ? time.step.name : time.step.layer;
    auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == name; });
    if (row == rows.end()) row = rows.insert(rows.end(), {name, {}});
    row->times[time.step.stage] += time.microseconds;
  }
  return rows;
}

}  // namespace

int bench_layers(const BenchCommand& command) {
  const job::CheckedModel model = checked_model(command.model_file, command.batch_size, command.inference);
  neon::PlanOptions options;
  options.batch_size = model.spec.batch_size;
  options.threads = command.threads;
  if (!command.inference) {
    options.targets = model.targets;
    options.costs = neon::cost_terms(model.spec.cost, model.graph);
    options.optimizer = neon::Shelf<neon::Optimizer>::instance().make(model.spec.optimizer);
  }
  const auto plan = neon::compile(model.graph, options);
  const auto source = job::random_batches(model.graph, model.targets, options.batch_size, 1);
  source->seek(0, 0);
  const tensor::Batch& batch = *source->next();

  // Rounds until the time is over; of each step the shortest.
  std::vector<neon::StepTime> shortest;
  const std::int64_t begin = base::steady_now_us();
  std::int64_t rounds = 0;
  do {
    const std::vector<neon::StepTime> times = plan->profile(batch, 3);
    if (shortest.empty()) shortest = times;
    for (std::size_t i = 0; i < times.size(); ++i)
      shortest[i].microseconds = std::min(shortest[i].microseconds, times[i].microseconds);
    rounds += 3;
  } while (static_cast<double>(base::steady_now_us() - begin) < command.seconds * 1e6);

  const std::vector<Row> rows = by_layer(shortest);
  double all = 0;
  std::size_t width = 5;
  for (const Row& row : rows) {
    all += row.sum();
    width = std::max(width, row.name.size());
  }
  fmt::print("{:<{}} {:>11} {:>11} {:>11} {:>8}\n", "layer", width, "forward us", "backward us", "update us", "share");
  Times sums;
  const auto print = [&](const std::string& name, Times times, double share) {
    fmt::print("{:<{}} {:>11.1f} {:>11.1f} {:>11.1f} {:>7.1f}%\n", name, width, times["forward"] + times["cost"],
               times["backward"], times["update"], share);
  };
  for (const Row& row : rows) {
    print(row.name, row.times, 100 * row.sum() / all);
    for (const auto& [stage, time] : row.times) sums[stage] += time;
  }
  print("all", sums, 100);
  fmt::print("{:.1f} records/s in batches of {}, {} threads at most; the shortest of {} runs of each step\n",
             1e6 * static_cast<double>(options.batch_size) / all, options.batch_size, plan->threads(), rounds);
  return 0;
}
