#include <cmath>

#include "tensor/normalisation.h"
#include "tensor/parallel.h"
#include "tensor/vectorized.h"

namespace tensor {
namespace {

// All loops run along the positions of one map.

NCLOUD_VECTORIZED void add_square(const float* x, float factor, float* sum, std::int64_t count) {
  for (std::int64_t p = 0; p < count; ++p) sum[p] += factor * x[p] * x[p];
}

NCLOUD_VECTORIZED void add_share(const float* y, const float* dy, const float* denominator, float* sum,
                                 std::int64_t count) {
  for (std::int64_t p = 0; p < count; ++p) sum[p] += y[p] * dy[p] / denominator[p];
}

/// y = x·d^-power. The powers that people use go without the slow function.
NCLOUD_VECTORIZED void times_power(const float* x, const float* d, float power, float* y, std::int64_t count) {
  if (power == 1) {
    for (std::int64_t p = 0; p < count; ++p) y[p] = x[p] / d[p];
  } else if (power == 0.75f) {
    for (std::int64_t p = 0; p < count; ++p) {
      const float root = std::sqrt(d[p]);
      y[p] = x[p] / (root * std::sqrt(root));
    }
  } else if (power == 0.5f) {
    for (std::int64_t p = 0; p < count; ++p) y[p] = x[p] / std::sqrt(d[p]);
  } else {
    for (std::int64_t p = 0; p < count; ++p) y[p] = x[p] * std::pow(d[p], -power);
  }
}

NCLOUD_VECTORIZED void subtract_product(const float* x, const float* sum, float factor, float* dx, std::int64_t count) {
  for (std::int64_t p = 0; p < count; ++p) dx[p] -= factor * x[p] * sum[p];
}

int threads_of(const LocalResponse& how) { return threads_for(how.n * how.channels * how.positions); }

/// Calls work(place of the map, first, end) for each map, with the maps around it [first, end) as offsets to it.
template <class Work>
void for_each_map(const LocalResponse& how, Work&& work) {
  for_parts(how.n * how.channels, threads_of(how), [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t map = begin; map < end; ++map) {
      const std::int64_t c = map % how.channels, half = how.depth / 2;
      work(map * how.positions, std::max(-half, -c), std::min(half + 1, how.channels - c), thread);
    }
  });
}

class Forward final : public OwnKernel {
 public:
  Forward(const Layout& src, const LocalResponse& how)
      : OwnKernel("local response normalisation",
                  {{Slot::src, src}, {Slot::dst, src}, {Slot::workspace, {}, src.size_bytes()}}),
        how_(how) {}

  void run(const RunContext&) const override {
    const float factor = how_.scale / static_cast<float>(how_.depth);
    for_each_map(how_, [&](std::int64_t i, std::int64_t first, std::int64_t end, int) {
      float* denominator = at(2) + i;
      std::fill_n(denominator, how_.positions, 1.0f);
      for (std::int64_t k = first; k < end; ++k)
        add_square(at(0) + i + k * how_.positions, factor, denominator, how_.positions);
      times_power(at(0) + i, denominator, how_.power, at(1) + i, how_.positions);
    });
  }

 private:
  LocalResponse how_;
};

/// diff_src = diff_dst·d^-power - 2·power·scale/depth·src·Σ dst·diff_dst/d over the maps around.
class Backward final : public OwnKernel {
 public:
  Backward(const Layout& src, const LocalResponse& how)
      : OwnKernel("local response derivative",
                  {{Slot::src, src},
                   {Slot::dst, src},
                   {Slot::diff_dst, src},
                   {Slot::workspace, {}, src.size_bytes()},
                   {Slot::diff_src, src},
                   {Slot::scratchpad, {}, static_cast<std::size_t>(threads_of(how) * how.positions) * sizeof(float)}}),
        how_(how) {}

  void run(const RunContext&) const override {
    const float factor = 2 * how_.power * how_.scale / static_cast<float>(how_.depth);
    for_each_map(how_, [&](std::int64_t i, std::int64_t first, std::int64_t end, int thread) {
      float* sum = at(5) + thread * how_.positions;
      std::fill_n(sum, how_.positions, 0.0f);
      for (std::int64_t k = first; k < end; ++k) {
        const std::int64_t other = i + k * how_.positions;
        add_share(at(1) + other, at(2) + other, at(3) + other, sum, how_.positions);
      }
      times_power(at(2) + i, at(3) + i, how_.power, at(4) + i, how_.positions);
      subtract_product(at(0) + i, sum, factor, at(4) + i, how_.positions);
    });
  }

 private:
  LocalResponse how_;
};

}  // namespace

Kernel local_response_forward(const Layout& src, const LocalResponse& how) {
  return std::make_shared<Forward>(src, how);
}
Kernel local_response_backward(const Layout& src, const LocalResponse& how) {
  return std::make_shared<Backward>(src, how);
}

}  // namespace tensor
