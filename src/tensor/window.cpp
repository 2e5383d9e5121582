#include "tensor/window.h"

#include "base/error.h"

namespace tensor {

Volume Volume::of(const Shape& shape, std::string_view who) {
  if (shape.size() == 3) return {shape[0], {1, shape[1], shape[2]}};
  if (shape.size() == 4) return {shape[0], {shape[1], shape[2], shape[3]}};
  throw base::Error(base::Code::invalid_argument,
                    fmt::format("{} needs an input of (c, h, w) or (c, d, h, w), got {}", who, text(shape)));
}

PerDimension Sliding::over(const Volume& in) const {
  constexpr std::int64_t kLimit = 65535;  // of the extents of an image, too
  const auto one = [&](std::int64_t extent, std::int64_t size, std::int64_t stride, std::int64_t pad,
                       std::int64_t spread) {
    for (const std::int64_t number : {stride, pad, spread})
      if (number > kLimit)
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("strides, padding and dilation go up to {}, got {}", kLimit, number));
    if (size - 1 > (extent + 2 * pad - 1) / spread)  // dilation·(window - 1) + 1 is too much, and may be for the type
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("a {}x{} window with padding {}{} does not fit into an input of {}x{} (c {})", window.h, window.w,
                      pad, spread > 1 ? fmt::format(" and dilation {}", spread) : "", in.extent.h, in.extent.w, in.c));
    return (extent - (spread * (size - 1) + 1) + 2 * pad) / stride + 1;
  };
  return {one(in.extent.d, window.d, strides.d, padding.d, dilation.d),
          one(in.extent.h, window.h, strides.h, padding.h, dilation.h),
          one(in.extent.w, window.w, strides.w, padding.w, dilation.w)};
}

}  // namespace tensor
