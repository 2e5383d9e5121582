#pragma once
#include <cstdint>
#include <optional>

#include "tensor/noise.h"

namespace neon {

/// Two networks that train against each other (Goodfellow et al. 2014): a generator makes of noise what should pass for
/// data, a discriminator tells the two apart. Their graph's outputs are what the generator makes, what the
/// discriminator says of it, and what it says of the data.
struct Adversaries {
  int noise = -1;  ///< edge; training draws it, predictions bring it
  tensor::Noise noise_type = tensor::Noise::normal;
  std::int64_t generator_begin = 0, generator_end = 0;  ///< its nodes; all others are the discriminator's

  std::int64_t k = 1;                 ///< steps of the discriminator for one of the generator
  bool sparse_start = false;          ///< 100 instead of k at first, and then for every 500th
  std::optional<double> param_clamp;  ///< bound of the discriminator's parameters

  bool generates(std::int64_t node) const { return node >= generator_begin && node < generator_end; }

  /// How often the generator has been trained when the discriminator has been `steps` times.
  std::int64_t generator_steps(std::int64_t steps) const;
};

enum AdversariesOutput : std::size_t { kMade, kSaidOfMade, kSaidOfData };

/// The seed of what is drawn for the generator's own steps, so that it sees other noise than the discriminator.
std::uint64_t generator_seed(std::uint64_t seed);

}  // namespace neon
