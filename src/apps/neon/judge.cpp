#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "aeon/loader.h"
#include "aeon/preprocessor.h"
#include "apps/neon/commands.h"
#include "base/error.h"
#include "job/data.h"
#include "neon/metric.h"
#include "neon/trainer.h"
#include "records/labels.h"

namespace {

/// Counts of (true class, told class).
class Confusions {
 public:
  explicit Confusions(std::int64_t classes)
      : classes_(static_cast<std::size_t>(classes)), counts_(classes_ * classes_, 0) {}

  void add(const neon::Plan::Comparison& got) {
    for (std::int64_t row = 0; row < got.rows; ++row) {
      const auto begin = static_cast<std::size_t>(row * got.columns);
      const auto largest = [&](std::span<const float> values) {
        const auto of_row = values.subspan(begin, classes_);
        return static_cast<std::size_t>(std::max_element(of_row.begin(), of_row.end()) - of_row.begin());
      };
      ++counts_[largest(got.targets) * classes_ + largest(got.outputs)];
    }
  }

  void print(const std::vector<std::string>& labels) const {
    const auto name = [&](std::size_t i) { return i < labels.size() ? labels[i] : std::to_string(i); };
    std::size_t width = 5;
    for (std::size_t i = 0; i < classes_; ++i) width = std::max(width, name(i).size());
    fmt::print("\n{:<{}} {:>8} {:>9}  mostly taken for\n", "class", width, "records", "accuracy");
    for (std::size_t t = 0; t < classes_; ++t) {
      std::int64_t records = 0;
      for (std::size_t y = 0; y < classes_; ++y) records += at(t, y);
      if (records == 0) continue;
      std::vector<std::size_t> others;
      for (std::size_t y = 0; y < classes_; ++y)
        if (y != t && at(t, y) > 0) others.push_back(y);
      std::stable_sort(others.begin(), others.end(), [&](std::size_t a, std::size_t b) { return at(t, a) > at(t, b); });
      std::string taken;
      for (std::size_t i = 0; i < std::min<std::size_t>(others.size(), 3); ++i)
        taken += fmt::format("{}{} ({})", i > 0 ? ", " : "", name(others[i]), at(t, others[i]));
      fmt::print("{:<{}} {:>8} {:>8.2f}%  {}\n", name(t), width, records,
                 100.0 * static_cast<double>(at(t, t)) / static_cast<double>(records), taken);
    }
    constexpr std::size_t kWidest = 20;
    if (classes_ > kWidest) return;
    fmt::print("\n{:<{}}", "true \\ told", width);
    for (std::size_t y = 0; y < classes_; ++y) fmt::print(" {:>6}", y);
    fmt::print("\n");
    for (std::size_t t = 0; t < classes_; ++t) {
      fmt::print("{:<{}}", fmt::format("{} {}", t, t < labels.size() ? labels[t] : ""), width);
      for (std::size_t y = 0; y < classes_; ++y) fmt::print(" {:>6}", at(t, y));
      fmt::print("\n");
    }
  }

 private:
  std::int64_t at(std::size_t t, std::size_t y) const { return counts_[t * classes_ + y]; }
  std::size_t classes_;
  std::vector<std::int64_t> counts_;
};

/// The records to judge by, and the names of their classes.
job::Data data_of(const EvalCommand& command, const neon::Checkpoint& checkpoint) {
  job::Data data;
  data.labels = command.labels.empty() ? checkpoint.labels : records::read_labels(command.labels);
  if (!command.manifest.empty()) {
    data.eval = records::open_manifest(records::read_manifest(command.manifest), command.root);
    return data;
  }
  const job::DatasetSection section = job::dataset_section(checkpoint.spec);
  if (!section.eval)
    throw base::Error(base::Code::invalid_argument,
                      "the model knows no evaluation records; name them with --manifest FILE");
  job::Data own = job::open_files(section, command.data_dir.empty() ? "." : command.data_dir);
  data.eval = own.eval;
  if (data.labels.empty()) data.labels = own.labels;
  return data;
}

}  // namespace

int judge(const EvalCommand& command) {
  const neon::Checkpoint checkpoint = neon::read_checkpoint(command.checkpoint);
  const job::Data data = data_of(command, checkpoint);
  const neon::Graph graph = neon::build_graph(checkpoint.spec, checkpoint.inputs);
  const std::vector<neon::CostTerm> costs = neon::cost_terms(checkpoint.spec.cost, graph);
  const aeon::LoaderConfig config = job::loader_config_of(checkpoint.preprocessing);
  aeon::LoaderOptions loading;
  loading.mode = aeon::Mode::evaluate;
  const std::int64_t usual = config.streams.value_or(false) ? checkpoint.spec.batch_size : 128;
  loading.batch_size = command.batch_size.value_or(usual);
  loading.threads =
      command.threads > 0 ? command.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  loading.labels = data.labels;
  loading.index_limits = job::index_limits(graph, costs, aeon::Preprocessor(config).targets());
  aeon::Loader loader(config, data.eval, loading);

  neon::PlanOptions options;
  options.batch_size = loading.batch_size;
  options.threads = command.threads;
  options.inputs = loader.info().inputs;
  options.targets = loader.info().targets;
  options.streams = loader.info().streams;
  options.costs = costs;
  const auto plan = neon::compile(graph, options);
  plan->import_parameters(neon::parameters_of(checkpoint, command.weights));

  const auto metric = neon::Shelf<neon::Metric>::instance().make(checkpoint.spec.metric);
  const std::atomic<bool> never{false};
  const auto evaluation = neon::evaluate(*plan, loader, {metric.get()}, never);
  fmt::print("records {}\ncost {:.6g}\n", loader.info().record_count, evaluation->cost);
  for (const auto& [name, value] : evaluation->metrics) fmt::print("{} {:.6g}\n", name, value);
  // Steps of sequences that nobody has aligned have no class of their own.
  if (loader.info().targets.front().dtype != tensor::Dtype::i32 || costs.front().cost->compares_sequences()) return 0;
  Confusions confusions(graph.columns());
  loader.seek(0, 0);
  plan->forget_states();
  while (const tensor::Batch* batch = loader.next()) confusions.add(plan->compare(*batch));
  confusions.print(loader.info().labels);
  return 0;
}
