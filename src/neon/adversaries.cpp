#include "neon/adversaries.h"

#include <algorithm>

#include "base/random.h"

namespace neon {

/// Source of the sparse start: neon 2.6, GAN.get_k: 100 steps for each of the first 25 of the generator, and for every
/// 500th.
std::int64_t Adversaries::generator_steps(std::int64_t steps) const {
  if (!sparse_start) return steps / k;
  constexpr std::int64_t kMany = 100, kFirst = 25, kEvery = 500;
  if (steps < kFirst * kMany) return steps / kMany;
  steps -= kFirst * kMany;
  if (steps < (kEvery - kFirst) * k) return kFirst + steps / k;
  steps -= (kEvery - kFirst) * k;
  const std::int64_t round = kMany + (kEvery - 1) * k, rest = steps % round;
  return kEvery * (1 + steps / round) + (rest < kMany ? 0 : 1 + (rest - kMany) / k);
}

std::uint64_t generator_seed(std::uint64_t seed) {
  constexpr std::uint64_t kPurpose = 0x67656e65;
  return base::stream_of(seed, kPurpose);
}

}  // namespace neon
