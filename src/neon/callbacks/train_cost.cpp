#include <deque>
#include <numeric>

#include "neon/callback.h"
#include "neon/callbacks/exact.h"
#include "neon/trainer.h"

namespace neon {
namespace {

class TrainCost final : public Callback {
 public:
  struct Config {
    std::int64_t wsz = 10;
    static constexpr auto fields() {
      return std::tuple(
          base::field("wsz", &Config::wsz, "batches that the shown cost is the mean of").range(1, 1 << 20));
    }
  };
  explicit TrainCost(const Config& config) : window_(static_cast<std::size_t>(config.wsz)) {}

  void on_step(StepEvent& event, Plan&) override {
    costs_.push_back(event.batch_cost);
    if (costs_.size() > window_) costs_.pop_front();
    event.cost = std::accumulate(costs_.begin(), costs_.end(), 0.0) / static_cast<double>(costs_.size());
  }

  CallbackState state() const override {
    base::json::array costs;
    for (const double cost : costs_) costs.push_back(exact(cost));
    return {{{"costs", costs}}, {}};
  }
  void restore(const CallbackState& state) override {
    costs_.clear();
    for (const auto& cost : base::decode<std::vector<base::json::value>>(state.values.at("costs")))
      costs_.push_back(exact_number(cost));
  }

 private:
  std::size_t window_;
  std::deque<double> costs_;
};

const OnShelf<Callback, TrainCost> registered(
    "TrainCostCallback", "the cost of the steps as a mean over the last batches",
    R"(What is shown and told after each step is the mean cost of the last `wsz` batches, also across epochs and interruptions. Without this
callback it is that of the last 10 of the run.)");

}  // namespace
}  // namespace neon
