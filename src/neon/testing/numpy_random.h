#pragma once
// numpy's legacy RandomState, so that tests can use data and weights that neon 2.6 drew with it. Source: numpy
// legacy-distributions.c (polar Gaussian) and Matsumoto and Nishimura's MT19937.
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace neon::testing {

class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed) {
    state_[0] = seed;
    for (std::uint32_t i = 1; i < kSize; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ state_[i - 1] >> 30) + i;
  }

  /// rand(): 53 bits in [0, 1).
  double uniform() {
    const std::uint32_t a = next() >> 5, b = next() >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
  }

  /// randn().
  double normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    double x1, x2, r2;
    do {
      x1 = 2.0 * uniform() - 1.0;
      x2 = 2.0 * uniform() - 1.0;
      r2 = x1 * x1 + x2 * x2;
    } while (r2 >= 1.0 || r2 == 0.0);
    const double f = std::sqrt(-2.0 * std::log(r2) / r2);
    spare_ = f * x1;
    has_spare_ = true;
    return f * x2;
  }

  std::vector<float> normals(std::size_t count, double scale) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(scale * normal());
    return values;
  }

 private:
  static constexpr std::uint32_t kSize = 624;

  std::uint32_t next() {
    if (at_ == kSize) {
      for (std::uint32_t i = 0; i < kSize; ++i) {
        const std::uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % kSize] & 0x7fffffffu);
        state_[i] = state_[(i + 397) % kSize] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0u);
      }
      at_ = 0;
    }
    std::uint32_t y = state_[at_++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
  }

  std::array<std::uint32_t, kSize> state_;
  std::uint32_t at_ = kSize;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace neon::testing
