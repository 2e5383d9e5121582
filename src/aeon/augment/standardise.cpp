#include <fmt/format.h>

#include "aeon/augment/augmentation.h"
#include "base/error.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

/// (x/255 - mean) / stddev for each output channel, in the order of the output. A stddev of 0 divides by nothing.
class Standardise final : public Augmentation {
 public:
  struct Config {
    std::vector<double> mean, stddev;
    static constexpr auto fields() {
      return std::tuple(base::field("mean", &Config::mean, "one per channel, of values from 0 to 1"),
                        base::field("stddev", &Config::stddev, "one per channel, of values from 0 to 1"));
    }
  };

  Standardise(const Config& config, const ImageTarget& target, const base::json::object&, std::string_view where)
      : config_(config) {
    if (config.mean.empty() && config.stddev.empty()) return;
    for (const auto& [key, list] : {std::pair{"mean", &config.mean}, std::pair{"stddev", &config.stddev}})
      if (list->size() != static_cast<std::size_t>(target.channels))
        throw Error(
            Code::invalid_argument,
            fmt::format("{} needs one number per channel: expected {}, got {}", key, target.channels, list->size()),
            base::pointer_to(where, key));
    if (!target.is_float)
      throw Error(Code::invalid_argument, "mean and stddev need output_type: float", base::pointer_to(where, "mean"));
    for (const double value : config.stddev)
      if (value < 0)
        throw Error(Code::invalid_argument, fmt::format("stddev must be at least 0, got {}", value),
                    base::pointer_to(where, "stddev"));
  }

  double finish(std::size_t channel, double value) const override {
    if (config_.mean.empty()) return value;
    const double centred = value / 255 - config_.mean[channel];
    return config_.stddev[channel] == 0 ? centred : centred / config_.stddev[channel];
  }

 private:
  Config config_;
};

const AugmentationOnShelf<Standardise> registered("standardise", 90, Changes::values);

}  // namespace
}  // namespace aeon
