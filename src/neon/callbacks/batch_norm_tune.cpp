#include "base/error.h"
#include "neon/callback.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// The places of a tensor's numbers that one batch has, by the layer's name before the slash.
double numbers_in_batch(const Plan& plan, const std::string& parameter) {
  for (const Node& node : plan.graph().nodes)
    if (parameter.starts_with(node.name + "/"))
      return static_cast<double>(plan.options().batch_size * node.layer->statistics_per_example(node.ins));
  return 0;
}

class BatchNormTune final : public Callback {
 public:
  struct Config {
    std::int64_t batches = 0;
    std::int64_t epoch_freq = 1;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("batches", &C::batches, "of the training data that the means are taken over; 0: all").at_least(0),
          base::field("epoch_freq", &C::epoch_freq, "epochs between two of them").at_least(1));
    }
  };
  explicit BatchNormTune(const Config& config) : config_(config) {}

  void prepare(const TrainingFacts& facts) override {
    if (facts.graph.adversaries)
      throw base::Error(base::Code::invalid_argument,
                        "BatchNormTuneCallback takes the statistics of the data, and a generator sees none",
                        "/callbacks");
    for (const Node& node : facts.graph.nodes)
      for (const ParameterSpec& spec : node.parameters) {
        if (!spec.rho) continue;
        if (*spec.rho < 1) return;
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("layer '{}' has rho 1 and never takes statistics, so that BatchNormTuneCallback "
                                      "cannot take their mean",
                                      node.name),
                          node.where);
      }
    throw base::Error(base::Code::invalid_argument,
                      "BatchNormTuneCallback takes the statistics of layers such as BatchNorm, and there are none",
                      "/callbacks");
  }

  void before_evaluation(const TrainingView& view) override {
    if ((view.epoch + 1) % config_.epoch_freq != 0) return;
    const EvaluatedWeights weights(view.plan);
    std::vector<NamedTensor> tuned;
    std::vector<std::vector<double>> sums;
    std::int64_t count = 0;
    view.train.seek(view.epoch, 0);
    while (config_.batches == 0 || count < config_.batches) {
      const tensor::Batch* batch = view.train.next();
      if (batch == nullptr) break;
      if (view.stop.load(std::memory_order_relaxed)) return;
      tuned = view.plan.batch_statistics(*batch, {.epoch = view.epoch, .step = ++count});
      sums.resize(tuned.size());
      for (std::size_t t = 0; t < tuned.size(); ++t) {
        sums[t].resize(tuned[t].values.size());
        for (std::size_t i = 0; i < sums[t].size(); ++i) sums[t][i] += static_cast<double>(tuned[t].values[i]);
      }
    }
    for (std::size_t t = 0; t < tuned.size(); ++t) {
      double factor = 1.0 / static_cast<double>(count);
      const double numbers = numbers_in_batch(view.plan, tuned[t].name);
      if (tuned[t].name.ends_with("/gvar") && numbers > 1) factor *= numbers / (numbers - 1);
      for (std::size_t i = 0; i < sums[t].size(); ++i) tuned[t].values[i] = static_cast<float>(sums[t][i] * factor);
    }
    view.plan.import_some_parameters(tuned);
  }

 private:
  Config config_;
};

const OnShelf<Callback, BatchNormTune> registered(
    "BatchNormTuneCallback", "statistics of the normalisations as exact means over the training data",
    R"(After each epoch, before its evaluation, the running statistics become the mean over the batches of the epoch of what each batch has with
the weights of now, variances as m/(m − 1) of the batch's, m being the numbers that they are taken of; those of BatchNorm otherwise
follow weights that are gone. Costs a forward pass over the data. Frozen layers keep theirs. Where evaluations use
`weight_average`, the statistics are those of the averaged weights.)");

}  // namespace
}  // namespace neon
