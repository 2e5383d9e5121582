#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace base {

/// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11).
/// The numbers are a function of (seed, stream, counter) alone, so they depend on no thread order and any of them can
/// be computed without those before it.
std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

/// A sequence drawn from one (seed, stream). Copies continue independently.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  std::uint32_t next();
  double uniform();                          ///< in [0, 1), 32 bits
  double uniform(double low, double high);   ///< in [low, high)
  double normal();                           ///< mean 0, deviation 1 (Box-Muller)
  std::uint64_t below(std::uint64_t bound);  ///< in [0, bound), without bias; bound > 0

 private:
  std::uint64_t seed_, stream_, counter_ = 0;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

/// A stream number from parts, such as (layer, purpose): well mixed, so that streams do not overlap.
std::uint64_t stream_of(std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0);

}  // namespace base
