#pragma once
#include <fmt/format.h>

#include <vector>

#include "tensor/batch.h"

namespace neon::testing {

/// What goes into a registered case (anything with its members), named input_1, input_2, …
template <class Case>
std::vector<tensor::Column> inputs_of(const Case& c) {
  std::vector<tensor::Column> inputs{{"input_1", c.in, c.in_dtype}};
  for (const auto& more : c.more_in)
    inputs.push_back({fmt::format("input_{}", inputs.size() + 1), more.shape, more.dtype});
  return inputs;
}

}  // namespace neon::testing
