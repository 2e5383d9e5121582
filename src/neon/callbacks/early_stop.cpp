#include <fmt/format.h>

#include "neon/callback.h"
#include "neon/callbacks/exact.h"
#include "neon/callbacks/watched.h"

namespace neon {
namespace {

class EarlyStop final : public Callback {
 public:
  struct Config {
    std::string figure = "eval_cost";
    Better better = Better::by_name;
    std::int64_t patience = 3;
    double least_gain = 0;
    static constexpr auto fields() {
      using C = Config;
      return std::tuple(
          base::field("figure", &C::figure, "what is watched: cost, eval_cost or the name of a metric"),
          base::field("better", &C::better, "which way is better; by_name: higher for accuracies, else lower"),
          base::field("patience", &C::patience, "evaluations without progress that are put up with").at_least(1),
          base::field("least_gain", &C::least_gain, "what counts as progress").at_least(0));
    }
  };
  explicit EarlyStop(const Config& config)
      : patience_(config.patience), watched_(config.figure, config.better, config.least_gain) {}

  void check(const std::vector<std::string>& figures) const override { watched_.check(figures); }
  void on_epoch(EpochEvent& event, Plan&, std::optional<std::string>& finish) override {
    const auto value = watched_.of(event);
    if (!value) return;
    idle_ = watched_.improves(*value) ? 0 : idle_ + 1;
    if (idle_ >= patience_)
      finish = fmt::format("{} has not become better than {:.6g} for {} evaluations", watched_.figure(),
                           *watched_.best(), idle_);
  }

  CallbackState state() const override {
    base::json::object values{{"idle", idle_}};
    if (watched_.best()) values["best"] = exact(*watched_.best());
    return {values, {}};
  }
  void restore(const CallbackState& state) override {
    idle_ = base::decode<std::int64_t>(state.values.at("idle"));
    const auto best = state.values.find("best");
    watched_.set_best(best == state.values.end() ? std::optional<double>() : exact_number(best->value()));
  }

 private:
  std::int64_t patience_;
  Watched watched_;
  std::int64_t idle_ = 0;
};

const OnShelf<Callback, EarlyStop> registered(
    "EarlyStopCallback", "ends the training when a figure stops becoming better",
    R"(The training completes after the epoch in which `figure` was not better than its best for the `patience`-th evaluation in a row.
With `SaveBestStateCallback` beside it, it ends with the best weights.

```text
callbacks:
  - {type: EarlyStopCallback, config: {patience: 5}}
  - {type: SaveBestStateCallback}
```)",
    {{"EarlyStopping", ""}, {"EarlyStop", ""}});

}  // namespace
}  // namespace neon
