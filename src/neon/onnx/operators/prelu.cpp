#include "base/error.h"
#include "neon/onnx/reading.h"

namespace neon {
namespace {

void prelu(OnnxOperation& op) {
  OnnxView x = op.whole();
  if (x.order.rank() < 2) op.refuse("its input has no features");
  const OnnxTensor& slopes = op.constant(1);
  std::vector<float> values = op.floats(1);
  // One for all features, or one for each: extents are matched from the end, and only the features may have some.
  std::size_t axis = 1;
  const std::size_t rank = x.order.rank();
  for (std::size_t i = 0; i < slopes.shape.size(); ++i)
    if (slopes.shape[i] != 1) axis = rank - (slopes.shape.size() - i);
  if (axis >= rank) op.refuse("its slopes do not fit its input");
  const std::int64_t features = x.order.extent(axis);
  if (values.size() == 1) values.assign(static_cast<std::size_t>(features), values[0]);
  if (static_cast<std::int64_t>(values.size()) != features) op.refuse("its slopes vary within a feature map");
  x.edge = op.layer("PReLU", {}, op.features_first(x, axis));
  op.parameter("W", {features}, std::move(values));
  op.put(std::move(x));
}

const OnOnnxShelf registered({"PRelu", "PReLU", "slopes that vary within a feature map", {}, prelu});

}  // namespace
}  // namespace neon
