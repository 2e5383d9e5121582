#include "neon/plan.h"

#include <fmt/format.h>

#include "apps/neon/commands.h"
#include "base/clock.h"
#include "neon/memory.h"

namespace {

neon::PlanOptions options_for(const job::CheckedModel& model, int threads, bool inference) {
  neon::PlanOptions options;
  options.batch_size = model.spec.batch_size;
  options.threads = threads;
  if (inference) return options;
  options.targets = model.targets;
  options.costs = neon::cost_terms(model.spec.cost, model.graph);
  options.optimizer = neon::Shelf<neon::Optimizer>::instance().make(model.spec.optimizer);
  return options;
}

void print_steps(const neon::Plan& plan, bool training) {
  for (const neon::StepNote& note : plan.notes(training)) {
    fmt::print("{:<9} {:<36} {}{}\n", note.stage, note.name, note.kernel,
               note.threads == 1 ? "" : fmt::format("  ({} threads)", note.threads));
    for (const std::string& layout : note.layouts) fmt::print("          {}\n", layout);
    if (!note.candidate.empty()) fmt::print("          taken: {}\n", note.candidate);
    for (const auto& [name, reason] : note.refused) fmt::print("          refused: {}: {}\n", name, reason);
  }
}

}  // namespace

job::CheckedModel checked_model(const std::string& file, std::optional<std::int64_t> batch_size, bool inference) {
  neon::ModelSpec spec = job::read_model(file);
  if (batch_size && !inference) spec.batch_size = *batch_size;
  job::CheckedModel checked = job::check_model(std::move(spec), 0, 0);
  if (batch_size) checked.spec.batch_size = *batch_size;
  return checked;
}

int tell_plan(const PlanCommand& command) {
  const job::CheckedModel model = checked_model(command.model_file, command.batch_size, command.inference);
  const neon::PlanOptions options = options_for(model, command.threads, command.inference);
  fmt::print("{}", neon::description(model.graph));
  for (const auto& [layer, joined] : neon::joined_layers(model.graph))
    fmt::print("joined: {} does {} as well\n", layer, fmt::join(joined, ", "));
  for (const std::string& warning : model.warnings) fmt::print("warning: {}\n", warning);
  fmt::print("memory: {}\n", neon::memory_of(model.graph, options).text);
  if (!command.explain) return 0;
  const auto plan = neon::compile(model.graph, options);
  fmt::print("made: {} ({} if no two buffers shared a place), {} threads at most\n\n",
             base::size_text(static_cast<double>(plan->memory_bytes())),
             base::size_text(static_cast<double>(plan->unshared_bytes())), plan->threads());
  print_steps(*plan, !command.inference);
  return 0;
}
