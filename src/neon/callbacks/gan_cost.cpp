#include "neon/callback.h"
#include "neon/callbacks/exact.h"
#include "neon/trainer.h"

namespace neon {
namespace {

class GanCostCallback final : public Callback {
 public:
  struct Config {
    static constexpr auto fields() { return std::tuple(); }
  };
  explicit GanCostCallback(const Config&) {}

  void on_step(StepEvent&, Plan& plan) override {
    if (plan.generator_cost()) generator_cost_ = *plan.generator_cost();
  }
  void on_epoch(EpochEvent& event, Plan& plan, std::optional<std::string>&) override {
    const std::optional<Adversaries>& game = plan.graph().adversaries;
    if (!game) return;
    event.metrics.emplace_back("GeneratorSteps", static_cast<double>(game->generator_steps(event.step)));
    event.metrics.emplace_back("DiscriminatorCost", event.cost);
    event.metrics.emplace_back("GeneratorCost", generator_cost_);
  }

  CallbackState state() const override { return {{{"generator_cost", exact(generator_cost_)}}, {}}; }
  void restore(const CallbackState& state) override {
    if (const auto found = state.values.find("generator_cost"); found != state.values.end())
      generator_cost_ = exact_number(found->value());
  }

 private:
  double generator_cost_ = 0;  ///< 0 until its first step
};

const OnShelf<Callback, GanCostCallback> registered(
    "GANCostCallback", "what generator and discriminator cost, beside each epoch",
    R"(For a `GenerativeAdversarial`: `GeneratorSteps`, how often the generator has been trained; `DiscriminatorCost`, mean over the epoch;
`GeneratorCost`, of the generator's last step. With `GANCost(func: wasserstein)` −DiscriminatorCost is the estimate of Wasserstein's distance, as
far as the bound of the critic's parameters lets it be.)");

}  // namespace
}  // namespace neon
