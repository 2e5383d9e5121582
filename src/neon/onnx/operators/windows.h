#pragma once
// Windows as ONNX has them: convolution, its way back, pooling.
#include "neon/onnx/reading.h"

namespace neon {

/// Of each dimension (d, h, w; h is 1 where there is one).
struct OnnxWindow {
  std::vector<std::int64_t> kernel, strides, begins, ends, dilations;
};

/// Errors: invalid_argument for what is no window over `rank` - 2 dimensions, or is too large.
OnnxWindow window_of(OnnxOperation& op, const std::vector<std::int64_t>& kernel_when_absent, std::size_t rank);

/// Replaces auto_pad by numbers. `in` are the extents that the window slides over.
void pad_automatically(OnnxOperation& op, OnnxWindow& window, const tensor::Shape& in);

/// How many places it has in dimension i.
std::int64_t places_of(const OnnxWindow& window, const tensor::Shape& in, std::size_t i);

/// 2, or {str_h: 2, str_w: 1}: as model files write it.
base::json::value written(const std::vector<std::int64_t>& extents, const std::array<const char*, 3>& keys);
constexpr std::array<const char*, 3> kWindowKeys{"T", "R", "S"}, kStrideKeys{"str_d", "str_h", "str_w"},
    kPadKeys{"pad_d", "pad_h", "pad_w"}, kDilationKeys{"dil_d", "dil_h", "dil_w"};

/// Extents behind the feature maps.
inline tensor::Shape extents_of(const tensor::Shape& maps) { return {maps.begin() + 1, maps.end()}; }

/// Filters (a, b, …) with rows of zeros before or behind in each dimension.
OnnxTensor with_zeros(const OnnxTensor& filters, const std::vector<std::int64_t>& before,
                      const std::vector<std::int64_t>& behind);

/// Filters of one dimension as those of two.
tensor::Shape filters_shape(const tensor::Shape& shape);

}  // namespace neon
