#include "neon/schedule.h"

#include "neon/schedules/listed_rates.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// When the rate changes: never (null), every so many epochs (a number), or from the listed epochs on (a list).
struct Steps {
  std::optional<std::int64_t> every;
  std::optional<std::vector<std::int64_t>> at;

  static Steps from_json(const base::json::value& value, std::string_view where) {
    Steps steps;
    if (value.is_array())
      steps.at = base::decode<std::vector<std::int64_t>>(value, where);
    else if (value.is_number())
      steps.every = base::decode<std::int64_t>(value, where);
    else if (!value.is_null())
      base::fail_expected("a number of epochs or a list of epochs", value, where);
    if (steps.every && *steps.every < 1)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("step_config must be at least 1, got {}", *steps.every), std::string(where));
    return steps;
  }
  base::json::value to_json() const {
    if (every) return *every;
    return base::encode(at);
  }
  static base::json::object schema() {
    const base::json::object number{{"type", "integer"}, {"minimum", 1}};
    const base::json::object list{{"type", "array"}, {"items", base::json::object{{"type", "integer"}}}};
    return {{"oneOf", base::json::array{number, list, base::json::object{{"type", "null"}}}}};
  }
};

/// What it changes to: a factor per step (a number) or a learning rate per step (a list).
struct Change {
  double factor = 1.0;
  std::optional<std::vector<double>> rates;

  static Change from_json(const base::json::value& value, std::string_view where) {
    Change change;
    if (value.is_array())
      change.rates = base::decode<std::vector<double>>(value, where);
    else if (value.is_number())
      change.factor = base::decode<double>(value, where);
    else
      base::fail_expected("a factor or a list of learning rates", value, where);
    return change;
  }
  base::json::value to_json() const { return rates ? base::encode(*rates) : base::json::value(factor); }
  static base::json::object schema() {
    const base::json::object number{{"type", "number"}};
    return {{"oneOf", base::json::array{number, base::json::object{{"type", "array"}, {"items", number}}}}};
  }
};

class Schedule final : public LearningRateSchedule {
 public:
  struct Config {
    Steps step_config;
    Change change;
    static constexpr auto fields() {
      return std::tuple(
          base::field("step_config", &Config::step_config,
                      "null: a constant rate; a number: a step every so many epochs; a list: these epochs"),
          base::field("change", &Config::change,
                      "a factor for each step, or with a list of epochs a list of learning rates"));
    }
  };

  explicit Schedule(Config config) : steps_(std::move(config.step_config)), change_(std::move(config.change)) {
    if (!change_.rates) return;
    const std::size_t steps = steps_.at ? steps_.at->size() : 0;
    if (!steps_.at || steps != change_.rates->size())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("change lists {} learning rates, so step_config must list as many epochs, got {}",
                                    change_.rates->size(), base::to_text(steps_.to_json())));
  }

  double learning_rate(double base_rate, std::int64_t epoch) const override {
    if (steps_.every) {
      const std::int64_t times = epoch / *steps_.every;  // whole ones
      return base_rate * std::pow(change_.factor, static_cast<double>(times));
    }
    if (!steps_.at) return base_rate;
    if (change_.rates) return listed_rate(*steps_.at, *change_.rates, base_rate, epoch);
    const auto passed = std::count_if(steps_.at->begin(), steps_.at->end(), [&](auto step) { return step <= epoch; });
    return base_rate * std::pow(change_.factor, static_cast<double>(passed));
  }

 private:
  Steps steps_;
  Change change_;
};

const OnShelf<LearningRateSchedule, Schedule> registered(
    "Schedule", "constant, or in steps",
    R"(| `step_config` | `change` | learning rate in an epoch |
|---|---|---|
| null | a number | the base rate |
| a list of epochs | a number | base rate · change^(listed epochs that have come) |
| a number of epochs | a number | base rate · change^⌊epoch / number⌋ |
| a list of epochs | a list as long | the rate listed for the last epoch that has come; the base rate before the first |)",
    {{"MultiStepLR", "write Schedule with a list of epochs as step_config and a factor as change"},
     {"StepLR", "write Schedule or PowerSchedule with the epochs of a step as step_config and a factor as change"},
     {"ConstantLR", ""}});

}  // namespace
}  // namespace neon
