#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fields.h"

namespace neon {

/// A factor of the cost for each class, in the order of the columns; 1 for all when there are none.
class ClassWeights {
 public:
  static ClassWeights from_json(const base::json::value& value, std::string_view where) {
    ClassWeights weights;
    weights.weights_ = base::decode<std::vector<double>>(value, where);
    for (std::size_t i = 0; i < weights.weights_.size(); ++i)
      if (!(weights.weights_[i] >= 0))
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("class weights must be at least 0, got {}", weights.weights_[i]),
                          base::pointer_to(where, i));
    return weights;
  }
  base::json::value to_json() const { return base::encode(weights_); }
  static base::json::object schema() {
    return {{"type", "array"}, {"items", base::json::object{{"type", "number"}, {"minimum", 0}}}};
  }

  std::size_t size() const { return weights_.size(); }
  double operator[](std::size_t column) const { return weights_.empty() ? 1.0 : weights_[column]; }

  /// Errors: invalid_argument when there are weights, but not one for each column.
  void check(std::int64_t columns) const {
    if (weights_.empty() || static_cast<std::int64_t>(weights_.size()) == columns) return;
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("class_weights has {} numbers, but the network has {} outputs; each needs one",
                                  weights_.size(), columns));
  }

 private:
  std::vector<double> weights_;
};

}  // namespace neon
