#pragma once
// How model files write windows: numbers, lists or mappings. Plain numbers speak of height and width only. Source:
// neon 2.6, Convolution and Pooling.
#include <cstdint>
#include <optional>

#include "base/fields.h"
#include "tensor/window.h"

namespace neon {

using tensor::PerDimension;

/// [R, S, K], [T, R, S, K] or {T: 1, R: 3, S: 3, K: 16}.
struct ConvolutionShape {
  PerDimension window;
  std::int64_t maps = 0;
  bool has_depth = false;
  static ConvolutionShape from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// 2, [R, S], [T, R, S], {J: 1, T: 1, R: 2, S: 2} or "all" (the full height and width).
struct PoolingShape {
  PerDimension window;
  std::int64_t maps = 1;  ///< J
  bool all = false;
  static PoolingShape from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// 2 or {str_h: 2, str_w: 2}. What is not said is empty: 1 for a convolution, the window for a pooling layer.
struct Strides {
  std::optional<std::int64_t> d, h, w;
  static Strides from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// The same of a pooling layer, which may go over feature maps, too: {str_c: 2}.
struct PoolingStrides {
  Strides along;
  std::optional<std::int64_t> c;
  static PoolingStrides from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// 1 or {pad_h: 1, pad_w: 1}; 0 when not said.
struct Padding {
  PerDimension extent{0, 0, 0};
  static Padding from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

struct PoolingPadding {
  PerDimension extent{0, 0, 0};
  std::int64_t c = 0;
  static PoolingPadding from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// 2 or {dil_h: 2, dil_w: 2}; 1 (none) when not said.
struct Dilation {
  PerDimension extent;
  static Dilation from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

}  // namespace neon
