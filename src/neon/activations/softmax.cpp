#include <algorithm>
#include <cmath>

#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"
#include "tensor/parallel.h"
#include "tensor/threads.h"

namespace neon {
namespace {

class Softmax final : public Transform {
 public:
  struct Config {
    std::int64_t axis = 0;
    double epsilon = 0x1p-23;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("axis", &Config::axis, "0: over the features of an example, or of each step of a sequence")
              .range(0, 0),
          base::field("epsilon", &Config::epsilon, "unused; accepted because model files give it"),
          base::field("name", &Config::name, "a name; for reading only"));
    }
  };
  explicit Softmax(const Config&) {}

  bool is_element_wise() const override { return false; }
  bool is_shortcut() const override { return true; }

  Value forward(Lowering& lowering, const Value& src, const std::string& name) const override {
    const tensor::Shape& shape = src.layout.shape();
    if (shape.size() == 3)
      return sequence_of_rows(lowering, forward(lowering, rows_of_sequence(lowering, src, name + " input"), name),
                              shape[2], name);
    const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, shape);
    const Value rows = lowering.in_layout(src, plain, name + " input in plain order")
                           .reshaped({shape[0], tensor::element_count(shape) / shape[0]});
    const Value dst = lowering.value(rows.layout);
    lowering.may_replace(rows, dst);
    const tensor::ThreadScope scope(tensor::threads_for(tensor::element_count(shape)));
    lowering.add(name + " forward", tensor::softmax_forward(rows.layout),
                 {{tensor::Slot::src, rows.buffer}, {tensor::Slot::dst, dst.buffer}});
    return dst.reshaped(shape);
  }

  Value backward(Lowering& lowering, const Value& y, const Value& diff_dst, const std::string& name) const override {
    const tensor::Shape& shape = y.layout.shape();
    if (shape.size() == 3)
      return sequence_of_rows(lowering,
                              backward(lowering, rows_of_sequence(lowering, y, name + " output"),
                                       rows_of_sequence(lowering, diff_dst, name + " error"), name),
                              shape[2], name);
    const Value dy = lowering.in_layout(diff_dst, y.layout, name + " error in plain order");
    const Value dx = lowering.value(y.layout);
    lowering.may_replace(dy, dx);
    lowering.add(
        name + " derivative", tensor::softmax_backward(y.layout),
        {{tensor::Slot::dst, y.buffer}, {tensor::Slot::diff_dst, dy.buffer}, {tensor::Slot::diff_src, dx.buffer}});
    return dx;
  }

  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    const tensor::Shape& in = nodes.node().in();
    if (is_sequence(in)) return nodes.add("Softmax", {x}, {{"axis", std::int64_t{1}}});
    const std::string y = nodes.add("Softmax", {nodes.flat(x, in)}, {{"axis", std::int64_t{1}}});
    return in.size() == 1 ? y : nodes.shaped(y, in);
  }

  void reference_forward(std::span<double> row) const override {
    const double highest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (double& x : row) sum += x = std::exp(x - highest);
    for (double& x : row) x /= sum;
  }
  void reference_backward(std::span<const double>, std::span<const double> y, std::span<double> dy) const override {
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += dy[i] * y[i];
    for (std::size_t i = 0; i < y.size(); ++i) dy[i] = y[i] * (dy[i] - sum);
  }
};

const OnShelf<Transform, Softmax> registered(
    "Softmax", "exp(x - max) / sum over the features of an example, or of each step of a sequence", {},
    {{"LogSoftmax", "write Softmax with the cost CrossEntropyMulti"}});

}  // namespace
}  // namespace neon
