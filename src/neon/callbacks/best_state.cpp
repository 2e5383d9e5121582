#include "neon/callback.h"
#include "neon/callbacks/exact.h"
#include "neon/callbacks/watched.h"

namespace neon {
namespace {

class BestState final : public Callback {
 public:
  struct Config {
    std::string figure = "eval_cost";
    Better better = Better::by_name;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("figure", &C::figure, "what is watched: cost, eval_cost or the name of a metric"),
          base::field("better", &C::better, "which way is better; by_name: higher for accuracies, else lower"));
    }
  };
  explicit BestState(const Config& config) : watched_(config.figure, config.better, 0) {}

  void check(const std::vector<std::string>& figures) const override { watched_.check(figures); }
  void on_epoch(EpochEvent& event, Plan& plan, std::optional<std::string>&) override {
    const auto value = watched_.of(event);
    if (!value || !watched_.improves(*value)) return;
    const EvaluatedWeights weights(plan);
    best_ = plan.export_parameters();
  }
  void on_end(Plan& plan) override {
    if (best_.empty()) return;
    plan.import_parameters(best_);
    const EvaluatedWeights weights(plan);
    plan.import_parameters(best_);
  }

  CallbackState state() const override {
    base::json::object values;
    if (watched_.best()) values["best"] = exact(*watched_.best());
    return {values, best_};
  }
  void restore(const CallbackState& state) override {
    const auto best = state.values.find("best");
    watched_.set_best(best == state.values.end() ? std::optional<double>() : exact_number(best->value()));
    best_ = state.tensors;
  }

 private:
  Watched watched_;
  std::vector<NamedTensor> best_;
};

const OnShelf<Callback, BestState> registered(
    "SaveBestStateCallback", "the training ends with the weights of its best epoch",
    R"(The weights after the epoch with the best `figure` are kept, in memory and in checkpoints, and are the model's when the training
completes. Before that, checkpoints have the newest weights. neon's writes a file of its own at each best epoch.)",
    {{"ModelCheckpoint", ""}, {"SaveBestState", ""}});

}  // namespace
}  // namespace neon
