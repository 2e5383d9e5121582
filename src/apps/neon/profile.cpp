#include "apps/neon/profile.h"

#include <fmt/format.h>

#include <numeric>

#include "aeon/loader.h"
#include "base/clock.h"
#include "neon/plan.h"

namespace {

/// Durations of `work` in seconds, after a warm-up.
std::vector<double> measure(const ProfileLength& length, const std::function<void()>& work) {
  for (std::int64_t i = 0; i < length.skipped; ++i) work();
  std::vector<double> took;
  const std::int64_t begin = base::steady_now_us();
  std::int64_t now = begin;
  const auto goes_on = [&] {
    return length.iterations > 0 ? static_cast<std::int64_t>(took.size()) < length.iterations
                                 : static_cast<double>(now - begin) < length.seconds * 1e6;
  };
  while (goes_on()) {
    work();
    const std::int64_t end = base::steady_now_us();
    took.push_back(static_cast<double>(end - now) * 1e-6);
    now = end;
  }
  return took;
}

void print_table(const std::string& what, std::vector<double> took) {
  std::sort(took.begin(), took.end());
  const double mean = std::accumulate(took.begin(), took.end(), 0.0) / static_cast<double>(took.size());
  fmt::print("{:<12} {:>10} {:>10} {:>10} {:>10}  (ms, {} runs)\n", "", "mean", "median", "min", "max", took.size());
  fmt::print("{:<12} {:>10.3f} {:>10.3f} {:>10.3f} {:>10.3f}\n", what, mean * 1e3, took[took.size() / 2] * 1e3,
             took.front() * 1e3, took.back() * 1e3);
}

void print_rate(double images, const std::vector<double>& took) {
  fmt::print("{{\"images_per_s\": {:.1f}}}\n", images / std::accumulate(took.begin(), took.end(), 0.0));
}

}  // namespace

int profile_network(const job::CheckedModel& model, int threads, const ProfileLength& length, bool inference) {
  neon::PlanOptions options;
  options.batch_size = model.spec.batch_size;
  options.threads = threads;
  if (!inference) {
    options.targets = model.targets;
    options.costs = neon::cost_terms(model.spec.cost, model.graph);
    options.optimizer = neon::Shelf<neon::Optimizer>::instance().make(model.spec.optimizer);
  }
  const std::unique_ptr<neon::Plan> plan = neon::compile(model.graph, options);
  const auto source = job::random_batches(model.graph, model.targets, options.batch_size, 1);
  source->seek(0, 0);
  const tensor::Batch& batch = *source->next();
  neon::TrainingStep which;
  const std::vector<double> took = measure(length, [&] {
    if (inference) {
      plan->infer(batch.inputs);
    } else {
      plan->train_step(batch, which);
      ++which.step;
    }
  });
  fmt::print("{}\n", neon::description(model.graph));
  print_table(inference ? "fprop" : "iteration", took);
  if (!inference) {
    fmt::print("\n{:<40} {:>10}  kernel\n", "step", "us");
    for (const neon::StepTime& step : plan->profile(batch, 20))
      fmt::print("{:<40} {:>10.1f}  {}\n", step.step.name, step.microseconds, step.step.kernel);
  }
  fmt::print("threads {}, memory {}\n", plan->threads(), base::size_text(plan->memory_bytes()));
  print_rate(static_cast<double>(options.batch_size) * static_cast<double>(took.size()), took);
  return 0;
}

int profile_loader(const job::CheckedModel& model, const std::filesystem::path& folder, int threads) {
  const job::Data data = job::open_files(model.section, folder);
  aeon::LoaderOptions options;
  options.batch_size = model.spec.batch_size;
  options.threads = threads;
  const std::int64_t begin = base::steady_now_us();
  aeon::Loader loader(model.section.loader, data.train, options);
  loader.seek(0, 0);
  std::int64_t records = 0;
  while (const tensor::Batch* batch = loader.next()) records += batch->count;
  const double seconds = static_cast<double>(base::steady_now_us() - begin) * 1e-6;
  print_rate(static_cast<double>(records), {seconds});
  return 0;
}
