#pragma once
#include <cstdint>
#include <span>

#include "tensor/operations.h"

namespace tensor {

/// Whether each of the units from `first` on survives (tensor::survives), 1 or 0.
void draw_survivors(const Dropping& dropping, std::uint64_t seed, std::int64_t step, std::int64_t first,
                    std::span<std::uint8_t> survives);

}  // namespace tensor
