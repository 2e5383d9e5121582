#include "tensor/recurrent.h"
#include "tensor/vector_math.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

NCLOUD_VECTORIZED void logistic(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = logistic_quick(x[i]);
}

NCLOUD_VECTORIZED void tanh(const float* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = tanh_quick(x[i]);
}

NCLOUD_VECTORIZED void rectlin(const float* x, float* y, std::int64_t count, float slope) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

}  // namespace

void apply(const FunctionOf& function, const float* x, float* y, std::int64_t count) {
  switch (function.function) {
    case Function::rectlin: return rectlin(x, y, count, function.slope);
    case Function::logistic: return logistic(x, y, count);
    case Function::tanh: return tanh(x, y, count);
  }
}

}  // namespace tensor
