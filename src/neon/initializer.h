#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "base/random.h"

namespace neon {

/// How a parameter tensor gets its first values. Source: spec of neon 2.6, section "Initializers".
class Initializer {
 public:
  static constexpr std::string_view kKind = "initializer";
  virtual ~Initializer() = default;

  /// Fills a parameter whose neon shape is (rows, columns): (nout, nin) for Linear, (c·r·s, k) for Convolution.
  /// `out` is in that shape's row-major order.
  virtual void fill(std::span<float> out, std::int64_t rows, std::int64_t columns, base::Random& random) const = 0;
};

}  // namespace neon
