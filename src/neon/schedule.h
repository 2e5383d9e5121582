#pragma once
#include <cstdint>
#include <string_view>

namespace neon {

/// The learning rate as a function of the epoch (from 0); without state, so that any epoch can be asked for.
class LearningRateSchedule {
 public:
  static constexpr std::string_view kKind = "schedule";
  virtual ~LearningRateSchedule() = default;
  virtual double learning_rate(double base_rate, std::int64_t epoch) const = 0;
};

}  // namespace neon
