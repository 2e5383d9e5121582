#include "tensor/roi_pooling.h"

#include <algorithm>
#include <cmath>

#include "tensor/parallel.h"

namespace tensor {
namespace {

Layout plain(const Shape& shape) { return Layout::row_major(Dtype::f32, shape); }
Layout maps(const RegionPooling& how) { return plain({how.n, how.c, how.h, how.w}); }
Layout pooled(const RegionPooling& how) { return plain({how.n, how.c * how.bins(), how.regions}); }

std::size_t taken_bytes(const RegionPooling& how) {
  return static_cast<std::size_t>(how.n * how.c * how.bins() * how.regions) * sizeof(std::int32_t);
}

class Forward final : public OwnKernel {
 public:
  explicit Forward(const RegionPooling& how)
      : OwnKernel("region pooling", {{Slot::src, maps(how)},
                                     {Slot::src, plain({how.n, how.regions, 5})},
                                     {Slot::dst, pooled(how)},
                                     {Slot::workspace, {}, taken_bytes(how)}}),
        how_(how) {}

  void run(const RunContext&) const override {
    const int threads = threads_for(how_.n * how_.c * how_.bins() * how_.regions);
    for_parts(how_.n * how_.regions, threads, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) pool(i / how_.regions, i % how_.regions);
    });
  }

 private:
  void pool(std::int64_t n, std::int64_t region) const {
    const float* r = at(1) + (n * how_.regions + region) * 5;
    const double corners[4] = {r[1], r[2], r[3], r[4]};
    for (std::int64_t bin = 0; bin < how_.bins(); ++bin) {
      const Cells cells = cells_of(how_, corners, bin);
      for (std::int64_t c = 0; c < how_.c; ++c) {
        const float* map = at(0) + (n * how_.c + c) * how_.h * how_.w;
        std::int64_t best = -1;
        for (std::int64_t y = cells.y_begin; y < cells.y_end; ++y)
          for (std::int64_t x = cells.x_begin; x < cells.x_end; ++x)
            if (const std::int64_t i = y * how_.w + x; best < 0 || map[i] > map[best]) best = i;
        const std::int64_t o = ((n * how_.c + c) * how_.bins() + bin) * how_.regions + region;
        at(2)[o] = best < 0 ? 0 : map[best];
        at<std::int32_t>(3)[o] = static_cast<std::int32_t>(best);
      }
    }
  }

  RegionPooling how_;
};

class Backward final : public OwnKernel {
 public:
  explicit Backward(const RegionPooling& how)
      : OwnKernel(
            "region pooling derivative",
            {{Slot::diff_dst, pooled(how)}, {Slot::workspace, {}, taken_bytes(how)}, {Slot::diff_src, maps(how)}}),
        how_(how) {}

  void run(const RunContext&) const override {
    const std::int64_t each = how_.bins() * how_.regions;
    for_parts(how_.n * how_.c, threads_for(how_.n * how_.c * each), [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        float* map = at(2) + i * how_.h * how_.w;
        std::fill_n(map, how_.h * how_.w, 0.0f);
        for (std::int64_t o = i * each; o < (i + 1) * each; ++o)
          if (const std::int32_t taken = at<std::int32_t>(1)[o]; taken >= 0) map[taken] += at(0)[o];
      }
    });
  }

 private:
  RegionPooling how_;
};

/// To the nearest whole number, halves away from 0, inside a range that no arithmetic leaves.
std::int64_t rounded(double coordinate) {
  constexpr double kFar = 1e6;
  return std::isnan(coordinate) ? 0 : std::lround(std::clamp(coordinate, -kFar, kFar));
}

}  // namespace

Cells cells_of(const RegionPooling& how, const double (&corners)[4], std::int64_t bin) {
  const std::int64_t x = rounded(corners[0] * how.scale), y = rounded(corners[1] * how.scale);
  const auto width = static_cast<double>(std::max<std::int64_t>(rounded(corners[2] * how.scale) - x + 1, 1));
  const auto height = static_cast<double>(std::max<std::int64_t>(rounded(corners[3] * how.scale) - y + 1, 1));
  const auto row = static_cast<double>(bin / how.width), column = static_cast<double>(bin % how.width);
  const auto begin = [](double place, double size, std::int64_t bins) {
    return static_cast<std::int64_t>(std::floor(place * size / static_cast<double>(bins)));
  };
  const auto end = [](double place, double size, std::int64_t bins) {
    return static_cast<std::int64_t>(std::ceil((place + 1) * size / static_cast<double>(bins)));
  };
  const auto inside = [](std::int64_t cell, std::int64_t extent) { return std::clamp<std::int64_t>(cell, 0, extent); };
  return {inside(y + begin(row, height, how.height), how.h), inside(y + end(row, height, how.height), how.h),
          inside(x + begin(column, width, how.width), how.w), inside(x + end(column, width, how.width), how.w)};
}

Kernel region_pooling_forward(const RegionPooling& how) { return std::make_shared<Forward>(how); }
Kernel region_pooling_backward(const RegionPooling& how) { return std::make_shared<Backward>(how); }

}  // namespace tensor
