#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "neon/callback.h"
#include "neon/trainer.h"

namespace neon {
namespace {

class Hist final : public Callback {
 public:
  struct Config {
    bool plot_per_mini = false;
    std::vector<std::string> filter_key{"W"};
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("plot_per_mini", &C::plot_per_mini, "after each batch instead of each epoch"),
          base::field("filter_key", &C::filter_key, "what is counted: W (what is learned), dW (gradients)"));
    }
  };
  explicit Hist(const Config& config) : per_batch_(config.plot_per_mini) {
    constexpr std::array<std::string_view, 2> known{"W", "dW"};
    for (const std::string& key : config.filter_key) {
      if (std::find(known.begin(), known.end(), key) == known.end())
        throw base::Error(base::Code::invalid_argument,
                          base::unknown_word("filter_key", key, known) +
                              ": outputs and errors share memory with each other and are gone after a step");
      (key == "W" ? weights_ : gradients_) = true;
    }
  }

  /// The gradients of a step are gone when a training is resumed at the end of its epoch.
  void on_step(StepEvent& event, Plan& plan) override {
    if (!per_batch_ && event.batch != event.batches) return;
    of_gradients_ = gradients_ ? histograms_of_gradients(plan) : std::vector<Histogram>();
    if (per_batch_) add(event.histograms, plan);
  }
  void on_epoch(EpochEvent& event, Plan& plan, std::optional<std::string>&) override {
    if (!per_batch_) add(event.histograms, plan);
  }

  CallbackState state() const override {
    base::json::object values;
    for (const Histogram& histogram : of_gradients_) values[histogram.name] = base::encode(histogram.counts);
    return {values, {}};
  }
  void restore(const CallbackState& state) override {
    of_gradients_.clear();
    for (const auto& member : state.values)
      of_gradients_.push_back({std::string(member.key()),
                               base::decode<std::array<std::int64_t, kHistogramBins>>(member.value(), member.key())});
  }

 private:
  void add(std::vector<Histogram>& to, const Plan& plan) const {
    const auto gradients = plan.export_gradients();
    if (weights_)
      for (const NamedTensor& tensor : plan.export_parameters())
        if (std::any_of(gradients.begin(), gradients.end(),
                        [&](const NamedTensor& learned) { return learned.name == tensor.name; }))
          to.push_back({tensor.name, histogram_of(tensor.values)});
    to.insert(to.end(), of_gradients_.begin(), of_gradients_.end());
  }

  static std::vector<Histogram> histograms_of_gradients(const Plan& plan) {
    std::vector<Histogram> histograms;
    for (const NamedTensor& tensor : plan.export_gradients()) {
      const std::size_t slash = tensor.name.find('/');
      histograms.push_back(
          {tensor.name.substr(0, slash + 1) + "d" + tensor.name.substr(slash + 1), histogram_of(tensor.values)});
    }
    return histograms;
  }

  bool per_batch_;
  bool weights_ = false, gradients_ = false;
  std::vector<Histogram> of_gradients_;  ///< of the last step that was counted
};

const OnShelf<Callback, Hist> registered(
    "HistCallback", "how large weights and gradients are, as histograms of their powers of two",
    R"(Of every learned parameter: how many of its numbers x have rint(log₂|x|) = −48 … 15, in 64 bins; what is smaller (0 as well) or larger is in the
first or the last one. They go to the HDF5 file of the run (`hist/<layer>_<number>_<parameter>`, shape (64, times)), and those of an epoch
to its event.)");

}  // namespace
}  // namespace neon
