#include "neon/optimizers/rule.h"

#include "tensor/vectorized.h"

namespace neon {
namespace {

NCLOUD_VECTORIZED void clip_all(float* values, std::int64_t n, float bound) {
  for (std::int64_t i = 0; i < n; ++i) values[i] = clip(values[i], bound);
}

}  // namespace

void keep_within(const std::optional<double>& bound, float* weights, std::int64_t n) {
  if (bound) clip_all(weights, n, static_cast<float>(bound_or_none(bound)));
}

}  // namespace neon
