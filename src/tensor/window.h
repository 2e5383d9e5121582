#pragma once
// Windows that slide over volumes: the geometry of convolution and pooling.
#include <cstdint>
#include <string_view>

#include "tensor/tensor.h"

namespace tensor {

/// (depth, height, width) of a window or of its steps.
struct PerDimension {
  std::int64_t d = 1, h = 1, w = 1;
};

/// (c, h, w) or (c, d, h, w) as channels and three extents.
struct Volume {
  std::int64_t c = 1;
  PerDimension extent;
  std::int64_t positions() const { return extent.d * extent.h * extent.w; }
  /// Errors: invalid_argument when the shape is neither; `who` such as "pooling".
  static Volume of(const Shape& shape, std::string_view who);
};

/// A window that slides over a volume.
struct Sliding {
  PerDimension window, strides, padding{0, 0, 0}, dilation;

  /// floor((in - (dilation·(window - 1) + 1) + 2·padding) / stride) + 1 in each dimension.
  /// Errors: invalid_argument naming the numbers when the window does not fit.
  PerDimension over(const Volume& in) const;

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

}  // namespace tensor
