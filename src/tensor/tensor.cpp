#include "tensor/tensor.h"

#include <fmt/ranges.h>

#include "base/error.h"

namespace tensor {

std::int64_t element_count(const Shape& shape) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent <= 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("every extent of shape {} must be positive", text(shape)));
    if (extent > kLimit / count)
      throw base::Error(base::Code::invalid_argument, fmt::format("{} numbers would take over 4096 GiB", text(shape)));
    count *= extent;
  }
  return count;
}

std::string text(const Shape& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

}  // namespace tensor
