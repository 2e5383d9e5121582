#include "base/error.h"
#include "neon/callback.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class MetricCallback final : public Callback {
 public:
  struct Config {
    Part metric;
    std::int64_t epoch_freq = 1;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(base::field("metric", &C::metric, "what is measured").required(),
                        base::field("epoch_freq", &C::epoch_freq, "epochs between two of its figures").at_least(1));
    }
  };
  explicit MetricCallback(const Config& config)
      : where_(config.metric.where),
        metric_(Shelf<Metric>::instance().make(config.metric)),
        epoch_freq_(config.epoch_freq) {}

  void prepare(const TrainingFacts& facts) override {
    if (!facts.evaluates)
      throw base::Error(base::Code::invalid_argument,
                        "a MetricCallback measures evaluation data, and there are none; give some", "/callbacks");
    try {
      metric_->check_columns(facts.graph.columns());
    } catch (base::Error& error) {
      if (error.where.empty()) error.where = where_;
      throw;
    }
  }
  Watch watches() const override { return {metric_.get(), epoch_freq_}; }

 private:
  std::string where_;
  std::unique_ptr<Metric> metric_;
  std::int64_t epoch_freq_;
};

const OnShelf<Callback, MetricCallback> registered(
    "MetricCallback", "one more metric for the evaluations",
    R"(Beside the model's `metric`, in the same pass over the evaluation data: after every `epoch_freq`-th epoch, and after the last. An epoch
that has no evaluation otherwise gets one.

```text
metric: Accuracy
callbacks:
  - {type: MetricCallback, config: {metric: {type: TopKMisclassification, config: {k: 5}}, epoch_freq: 5}}
```)");

}  // namespace
}  // namespace neon
