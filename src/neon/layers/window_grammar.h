#pragma once
// How model files write windows: numbers, lists or mappings. Source: neon 2.6, Convolution and Pooling.
#include <cstdint>
#include <optional>

#include "base/fields.h"
#include "tensor/kernel.h"

namespace neon {

/// (depth, height, width) of a window or of its steps. Integers in a file speak of height and width only.
struct PerDimension {
  std::int64_t d = 1, h = 1, w = 1;
};

/// [R, S, K], [T, R, S, K] or {T: 1, R: 3, S: 3, K: 16}.
struct ConvolutionShape {
  PerDimension window;
  std::int64_t maps = 0;
  bool has_depth = false;
  static ConvolutionShape from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// 2, {T: 1, R: 2, S: 2} or "all" (the full height and width).
struct PoolingShape {
  PerDimension window;
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

/// 1 or {pad_h: 1, pad_w: 1}; 0 when not said.
struct Padding {
  PerDimension extent{0, 0, 0};
  static Padding from_json(const base::json::value& value, std::string_view where);
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

/// (c, h, w) or (c, d, h, w) as channels and three extents.
struct Volume {
  std::int64_t c = 1;
  PerDimension extent;
  std::int64_t positions() const { return extent.d * extent.h * extent.w; }
  /// Errors: invalid_argument when the shape is neither; `who` such as "pooling".
  static Volume of(const tensor::Shape& shape, std::string_view who);
};

/// A window that slides over a volume.
struct Sliding {
  PerDimension window, strides, padding, dilation;

  /// floor((in - (dilation·(window - 1) + 1) + 2·padding) / stride) + 1 in each dimension.
  /// Errors: invalid_argument naming the numbers when the window does not fit.
  PerDimension over(const Volume& in) const;

  /// For kernels over (h, w) or, with depth, (d, h, w).
  tensor::Window kernel_window(bool has_depth) const;

  /// Calls visit(output position, input position, window position) for each pair inside the input, in row-major order.
  template <class Visit>
  void for_each(const PerDimension& in, const PerDimension& out, Visit&& visit) const {
    for (std::int64_t od = 0; od < out.d; ++od)
      for (std::int64_t oh = 0; oh < out.h; ++oh)
        for (std::int64_t ow = 0; ow < out.w; ++ow)
          for (std::int64_t t = 0; t < window.d; ++t)
            for (std::int64_t r = 0; r < window.h; ++r)
              for (std::int64_t s = 0; s < window.w; ++s) {
                const std::int64_t d = od * strides.d - padding.d + t * dilation.d;
                const std::int64_t h = oh * strides.h - padding.h + r * dilation.h;
                const std::int64_t w = ow * strides.w - padding.w + s * dilation.w;
                if (d < 0 || d >= in.d || h < 0 || h >= in.h || w < 0 || w >= in.w) continue;
                visit((od * out.h + oh) * out.w + ow, (d * in.h + h) * in.w + w, (t * window.h + r) * window.w + s);
              }
  }
};

}  // namespace neon
