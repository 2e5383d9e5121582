// What operators make of numbers that the file holds is worked out here and now: exporters compute shapes, masks and
// scales in the graph.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "neon/onnx/reading.h"

namespace neon {
namespace {

/// Of numbers that are computed; a file's own weights may be as large as they are.
constexpr std::int64_t kMostNumbers = std::int64_t{1} << 22;

OnnxTensor tensor_of(tensor::Shape shape, const std::vector<double>& numbers, bool whole) {
  OnnxTensor result{{}, std::move(shape), {}};
  if (whole) {
    std::vector<std::int64_t> integers;
    for (const double number : numbers)
      integers.push_back(std::abs(number) < 9e18 ? static_cast<std::int64_t>(number) : 0);
    result.values = std::move(integers);
  } else {
    result.values = std::vector<float>(numbers.begin(), numbers.end());
  }
  return result;
}

tensor::Shape spread_shape(const std::vector<const OnnxTensor*>& operands) {
  tensor::Shape shape;
  for (const OnnxTensor* operand : operands) {
    tensor::Shape other = operand->shape;
    if (shape.size() < other.size()) std::swap(shape, other);
    const std::size_t ahead = shape.size() - other.size();
    for (std::size_t i = 0; i < other.size(); ++i) {
      std::int64_t& extent = shape[ahead + i];
      if (extent != other[i] && extent != 1 && other[i] != 1)
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("constants of {} and {} do not fit", tensor::text(shape), tensor::text(other)));
      if (extent == 1) extent = other[i];
    }
  }
  return shape;
}

}  // namespace

double decimal(double value) { return std::strtod(fmt::format("{}", static_cast<float>(value)).c_str(), nullptr); }

std::vector<double> doubles(const OnnxTensor& tensor) {
  if (const auto* numbers = std::get_if<std::vector<float>>(&tensor.values)) return {numbers->begin(), numbers->end()};
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&tensor.values))
    return {numbers->begin(), numbers->end()};
  throw base::Error(base::Code::invalid_argument, std::get<OnnxUnread>(tensor.values).why);
}

OnnxTensor ordered(const OnnxTensor& tensor, const Strided& order) {
  Axis all;
  for (const Axis& axis : order.axes) all.insert(all.end(), axis.begin(), axis.end());
  OnnxTensor result{tensor.name, order.shape(), {}};
  const std::vector<std::int64_t> from = places(merged(all), std::int64_t{1} << 30);
  const auto take = [&](const auto& values) {
    std::decay_t<decltype(values)> taken;
    taken.reserve(from.size());
    for (const std::int64_t at : from) taken.push_back(values.at(static_cast<std::size_t>(order.offset + at)));
    result.values = std::move(taken);
  };
  if (const auto* unread = std::get_if<OnnxUnread>(&tensor.values))
    throw base::Error(base::Code::invalid_argument, unread->why);
  if (const auto* numbers = std::get_if<std::vector<float>>(&tensor.values)) take(*numbers);
  if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&tensor.values)) take(*numbers);
  return result;
}

OnnxTensor computed(const std::vector<const OnnxTensor*>& operands, const Formula& formula, bool whole) {
  const tensor::Shape shape = spread_shape(operands);
  std::int64_t count = 1;
  for (const std::int64_t extent : shape)
    if (__builtin_mul_overflow(count, extent, &count) || count > kMostNumbers)
      throw base::Error(base::Code::too_large,
                        fmt::format("a constant of {} is too large to compute", tensor::text(shape)));
  std::vector<std::vector<double>> numbers;
  std::vector<std::vector<std::int64_t>> at;
  for (const OnnxTensor* operand : operands) {
    numbers.push_back(doubles(*operand));
    Axis spread;
    const Strided own = in_order(operand->shape);
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const std::size_t ahead = shape.size() - operand->shape.size();
      const bool varies = i >= ahead && operand->shape[i - ahead] > 1;
      spread.push_back(varies ? own.axes[i - ahead][0] : Run{shape[i], 0});
    }
    at.push_back(places(spread));
  }
  std::vector<double> result(static_cast<std::size_t>(count)), values(operands.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    for (std::size_t k = 0; k < operands.size(); ++k) values[k] = numbers[k][static_cast<std::size_t>(at[k][i])];
    result[i] = formula(values);
  }
  return tensor_of(shape, result, whole);
}

}  // namespace neon
