#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "neon/onnx/reading.h"
#include "neon/onnx/written_norms.h"

namespace neon {
namespace {

using Order = std::vector<std::size_t>;

/// Orders in which the extents of the input may be taken, the likeliest first. Other programs have features or maps
/// last, neon has them first; nothing in the file says which it is, but only one of them makes a network of layers.
std::vector<Order> likely_orders(const OnnxModel& model) {
  const tensor::Shape& shape = model.inputs[0].sample_shape;
  Order as_it_is(shape.size());
  std::iota(as_it_is.begin(), as_it_is.end(), std::size_t{0});
  const bool is_own = model.metadata.contains("neon.labels");
  if (shape.size() < 2 || is_own) return {as_it_is};
  Order last_first{shape.size() - 1};
  last_first.insert(last_first.end(), as_it_is.begin(), as_it_is.end() - 1);
  const std::int64_t last = shape.back();
  const bool looks_like_images = shape.size() == 3 && (last == 1 || last == 3) && shape[0] >= 8 && shape[1] >= 8;
  if (looks_like_images) return {last_first, as_it_is};
  return {as_it_is, last_first};
}

void check_input(const OnnxModel& model) {
  if (model.inputs.size() != 1)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("the network has {} inputs; only those with one are taken over", model.inputs.size()));
  const OnnxValue& input = model.inputs[0];
  const auto open = [](std::int64_t extent) { return extent < 1 || extent > (1 << 24); };
  if (input.sample_shape.empty() || std::any_of(input.sample_shape.begin(), input.sample_shape.end(), open))
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the input '{}' must have a batch and then known extents; export the model with only "
                                  "the batch open",
                                  input.name));
  if (!input.is_numbers() && !input.whole)
    throw base::Error(base::Code::invalid_argument, fmt::format("the input '{}' holds no numbers", input.name));
}

}  // namespace

Checkpoint checkpoint_of(const OnnxModel& model, std::vector<std::string>* notes) {
  check_input(model);
  const std::map<const OnnxNode*, OnnxNode> norms = written_norms(model);
  std::unique_ptr<OnnxReading> best;
  for (const Order& order : likely_orders(model)) {
    auto reading = std::make_unique<OnnxReading>(model, norms, order);
    reading->read_all();
    if (!best || reading->faults().size() < best->faults().size()) best = std::move(reading);
    if (best->faults().empty()) break;
  }
  return best->checkpoint(notes);
}

}  // namespace neon
