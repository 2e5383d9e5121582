#pragma once
// c(y) = −(1 − y)^γ·safelog(y): what a target of 1 costs, and c(1 − y) is what a target of 0 costs.
#include "neon/costs/cost_sum.h"

namespace neon {

/// 1 − y, not below 0 when rounding put y over 1. NaN stays NaN.
template <class Real>
Real rest_of(Real y) {
  return 1 - y < 0 ? Real{0} : 1 - y;
}

inline float focal_cost(float y, float gamma) { return -std::pow(rest_of(y), gamma) * safelog_quick(y); }
inline double focal_cost(double y, double gamma) { return -std::pow(rest_of(y), gamma) * safelog(y); }

/// dc/dy.
inline float focal_slope(float y, float gamma) {
  const float rest = rest_of(y);
  const float of_power = gamma == 0 || rest == 0 ? 0.0f : gamma * std::pow(rest, gamma - 1) * safelog_quick(y);
  return of_power - std::pow(rest, gamma) * safelog_slope(y);
}

/// y·dc/dy, which stays finite at 0 and at 1: the derivative before a Softmax.
inline float focal_slope_times_y(float y, float gamma) {
  const float rest = rest_of(y);
  if (gamma == 0) return y - y - 1;  // NaN stays NaN
  return rest == 0 ? 0.0f : std::pow(rest, gamma - 1) * (gamma * y * safelog_quick(y) - rest);
}

/// y·(1 − y)·dc/dy: the derivative before a Logistic.
inline float focal_slope_before_logistic(float y, float gamma) {
  const float rest = rest_of(y);
  return std::pow(rest, gamma) * (gamma * y * safelog_quick(y) - rest);
}

}  // namespace neon
