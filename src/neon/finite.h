#pragma once
#include <cstdint>
#include <span>

namespace neon {

/// True when none of the values is infinite or no number. As fast as memory is.
bool all_finite(std::span<const float> values);

}  // namespace neon
