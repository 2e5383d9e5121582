#include "tensor/kernels/pooling_loops.h"

#include <algorithm>

#include "tensor/vectorized.h"

// Explicit vectors of 8 channels; what is left of a block goes number by number.
#define NCLOUD_ALWAYS_INLINE inline __attribute__((always_inline))

namespace tensor {
namespace {

constexpr std::int64_t kLanes = 8;
typedef float Lanes __attribute__((vector_size(32), aligned(4), may_alias));
typedef std::int32_t Indices __attribute__((vector_size(32), aligned(4)));
typedef std::uint16_t Shorts __attribute__((vector_size(16), aligned(2), may_alias));

NCLOUD_ALWAYS_INLINE const Lanes& load(const float* p) { return *reinterpret_cast<const Lanes*>(p); }
NCLOUD_ALWAYS_INLINE Lanes& at(float* p) { return *reinterpret_cast<Lanes*>(p); }

}  // namespace

WindowTable WindowTable::of(const Sliding& sliding, const PerDimension& in, const PerDimension& out) {
  WindowTable table{{}, in, sliding.window};
  const auto part = [](std::int64_t o, std::int64_t stride, std::int64_t padding, std::int64_t window,
                       std::int64_t extent) {
    const std::int64_t begin = o * stride - padding;
    const std::int64_t first = std::max<std::int64_t>(begin, 0);
    return std::array{first, first - begin, std::min(begin + window, extent) - first};
  };
  for (std::int64_t d = 0; d < out.d; ++d)
    for (std::int64_t h = 0; h < out.h; ++h)
      for (std::int64_t w = 0; w < out.w; ++w) {
        const auto pd = part(d, sliding.strides.d, sliding.padding.d, sliding.window.d, in.d);
        const auto ph = part(h, sliding.strides.h, sliding.padding.h, sliding.window.h, in.h);
        const auto pw = part(w, sliding.strides.w, sliding.padding.w, sliding.window.w, in.w);
        table.parts.push_back({(pd[0] * in.h + ph[0]) * in.w + pw[0],
                               (pd[1] * sliding.window.h + ph[1]) * sliding.window.w + pw[1],
                               {pd[2], ph[2], pw[2]}});
      }
  std::vector<int> looks(static_cast<std::size_t>(table.in_positions()), 0);
  for (const WindowPart& p : table.parts)
    for (std::int64_t t = 0; t < p.extent.d; ++t)
      for (std::int64_t r = 0; r < p.extent.h; ++r)
        for (std::int64_t s = 0; s < p.extent.w; ++s)
          ++looks[static_cast<std::size_t>(p.first_input + (t * in.h + r) * in.w + s)];
  table.disjoint = std::all_of(looks.begin(), looks.end(), [](int count) { return count <= 1; });
  table.covers = std::all_of(looks.begin(), looks.end(), [](int count) { return count >= 1; });
  return table;
}

NCLOUD_VECTORIZED
void max_pool(const WindowTable& table, std::int64_t block, const float* x, float* y, std::uint16_t* taken) {
  const std::int64_t whole = block / kLanes * kLanes;
  for (std::size_t o = 0; o < table.parts.size(); ++o) {
    const WindowPart& part = table.parts[o];
    const std::int64_t out = static_cast<std::int64_t>(o) * block;
    for (std::int64_t l = 0; l < whole; l += kLanes) {
      Lanes best = load(x + part.first_input * block + l);
      Indices index = Indices{} + static_cast<std::int32_t>(part.first_window);
      for (std::int64_t t = 0; t < part.extent.d; ++t)
        for (std::int64_t r = 0; r < part.extent.h; ++r)
          for (std::int64_t s = 0; s < part.extent.w; ++s) {
            const Lanes v = load(x + (part.first_input + (t * table.in.h + r) * table.in.w + s) * block + l);
            const auto w = static_cast<std::int32_t>(part.first_window + (t * table.window.h + r) * table.window.w + s);
            const Indices larger = v > best;
            best = larger ? v : best;
            index = larger ? Indices{} + w : index;
          }
      at(y + out + l) = best;
      if (taken != nullptr) *reinterpret_cast<Shorts*>(taken + out + l) = __builtin_convertvector(index, Shorts);
    }
    for (std::int64_t l = whole; l < block; ++l) {
      float best = x[part.first_input * block + l];
      std::int64_t index = part.first_window;
      for (std::int64_t t = 0; t < part.extent.d; ++t)
        for (std::int64_t r = 0; r < part.extent.h; ++r)
          for (std::int64_t s = 0; s < part.extent.w; ++s) {
            const float v = x[(part.first_input + (t * table.in.h + r) * table.in.w + s) * block + l];
            if (v > best) {
              best = v;
              index = part.first_window + (t * table.window.h + r) * table.window.w + s;
            }
          }
      y[out + l] = best;
      if (taken != nullptr) taken[out + l] = static_cast<std::uint16_t>(index);
    }
  }
}

NCLOUD_VECTORIZED
void max_pool_backward(const WindowTable& table, std::int64_t block, const float* dy, const std::uint16_t* taken,
                       float* dx) {
  const std::int64_t whole = block / kLanes * kLanes;
  // Windows that share no input write their gradients; others add them up.
  if (!table.disjoint || !table.covers) std::fill_n(dx, table.in_positions() * block, 0.0f);
  for (std::size_t o = 0; o < table.parts.size(); ++o) {
    const WindowPart& part = table.parts[o];
    const std::int64_t out = static_cast<std::int64_t>(o) * block;
    for (std::int64_t t = 0; t < part.extent.d; ++t)
      for (std::int64_t r = 0; r < part.extent.h; ++r)
        for (std::int64_t s = 0; s < part.extent.w; ++s) {
          float* to = dx + (part.first_input + (t * table.in.h + r) * table.in.w + s) * block;
          const auto w = static_cast<std::int32_t>(part.first_window + (t * table.window.h + r) * table.window.w + s);
          for (std::int64_t l = 0; l < whole; l += kLanes) {
            const Indices index = __builtin_convertvector(*reinterpret_cast<const Shorts*>(taken + out + l), Indices);
            const Lanes passed = index == w ? load(dy + out + l) : Lanes{};
            at(to + l) = table.disjoint ? passed : at(to + l) + passed;
          }
          for (std::int64_t l = whole; l < block; ++l)
            to[l] = (table.disjoint ? 0.0f : to[l]) + (taken[out + l] == w ? dy[out + l] : 0.0f);
        }
  }
}

NCLOUD_VECTORIZED
void average_pool(const WindowTable& table, std::int64_t block, const float* x, float* y) {
  for (std::size_t o = 0; o < table.parts.size(); ++o) {
    const WindowPart& part = table.parts[o];
    float* to = y + static_cast<std::int64_t>(o) * block;
    const float share = 1.0f / static_cast<float>(part.extent.d * part.extent.h * part.extent.w);
    std::fill_n(to, block, 0.0f);
    for (std::int64_t t = 0; t < part.extent.d; ++t)
      for (std::int64_t r = 0; r < part.extent.h; ++r)
        for (std::int64_t s = 0; s < part.extent.w; ++s) {
          const float* from = x + (part.first_input + (t * table.in.h + r) * table.in.w + s) * block;
          for (std::int64_t l = 0; l < block; ++l) to[l] += from[l];
        }
    for (std::int64_t l = 0; l < block; ++l) to[l] *= share;
  }
}

NCLOUD_VECTORIZED
void average_pool_backward(const WindowTable& table, std::int64_t block, const float* dy, float* dx) {
  std::fill_n(dx, table.in_positions() * block, 0.0f);
  for (std::size_t o = 0; o < table.parts.size(); ++o) {
    const WindowPart& part = table.parts[o];
    const float* from = dy + static_cast<std::int64_t>(o) * block;
    const float share = 1.0f / static_cast<float>(part.extent.d * part.extent.h * part.extent.w);
    for (std::int64_t t = 0; t < part.extent.d; ++t)
      for (std::int64_t r = 0; r < part.extent.h; ++r)
        for (std::int64_t s = 0; s < part.extent.w; ++s) {
          float* to = dx + (part.first_input + (t * table.in.h + r) * table.in.w + s) * block;
          for (std::int64_t l = 0; l < block; ++l) to[l] += from[l] * share;
        }
  }
}

}  // namespace tensor
