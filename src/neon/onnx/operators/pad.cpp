#include <algorithm>

#include "neon/onnx/reading.h"

namespace neon {
namespace {

/// Waits for the window that follows.
void pad(OnnxOperation& op) {
  if (op.attributes.word("mode", "constant") != "constant") op.refuse("only constants are padded with");
  OnnxView x = op.view();
  if (!x.pads.empty()) op.refuse("only a window may follow a Pad");
  const std::size_t rank = x.order.rank();
  const std::vector<std::int64_t> given = op.list("pads", 1, {});
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < rank; ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (op.has(3)) axes = op.integers(3);
  if (given.size() != 2 * axes.size()) op.refuse("it has not two numbers for each extent");
  std::vector<std::int64_t> pads(2 * rank);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::size_t axis = axis_of(axes[i], rank);
    pads[axis] = given[i];
    pads[rank + axis] = given[axes.size() + i];
  }
  if (std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p < 0 || p > 65535; }))
    op.refuse("pads must be from 0 to 65535");
  if (std::all_of(pads.begin(), pads.end(), [](std::int64_t p) { return p == 0; })) return op.put(std::move(x));
  x.pads = std::move(pads);
  x.padded_with = op.has(2) ? static_cast<float>(op.number(2)) : op.attributes.number("value", 0);
  op.put(std::move(x));
}

const OnOnnxShelf registered({"Pad",
                              "padding of the convolution or the pooling that follows",
                              "other modes than constant, and what no window follows",
                              {{"mode"}, {"pads"}, {"value"}},
                              pad});

}  // namespace
}  // namespace neon
