#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace aeon {

/// A length of time as aeon writes it: "2 seconds", "25 milliseconds", "400 samples". Its JSON is that text.
struct Duration {
  std::string text;
  double count = 0;
  enum class Unit { seconds, milliseconds, samples } unit = Unit::samples;

  /// Whole samples, rounded down.
  std::int64_t samples(std::int64_t sample_rate) const;

  /// Errors: invalid_argument.
  static Duration from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

}  // namespace aeon
