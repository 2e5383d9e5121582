#include "base/error.h"
#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"
#include "tensor/batch.h"

namespace neon {
namespace {

using tensor::Slot;

class BiSum final : public UnaryLayer {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit BiSum(const Config& config) : name_(config.name) {}

  std::optional<std::string> given_name() const override { return name_; }
  tensor::Shape out_shape(const tensor::Shape& in) const override {
    if (in[0] % 2 != 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("it adds the second half of the features to the first, but {} come in", in[0]));
    tensor::Shape out = in;
    out[0] /= 2;
    return out;
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    return {nodes.add("Add", nodes.add_several("Split", {nodes.in()}, 2, {{"axis", std::int64_t{1}}}))};
  }

  void reference_forward(Reference& r) const override {
    for_each(r, [&](std::size_t out, std::size_t first, std::size_t second) {
      r.dst()[out] = r.src()[first] + r.src()[second];
    });
  }
  void reference_backward(Reference& r) const override {
    for_each(r, [&](std::size_t out, std::size_t first, std::size_t second) {
      r.diff_src()[first] = r.diff_src()[second] = r.diff_dst()[out];
    });
  }
  static std::vector<LayerCase> cases() { return {{"{}", {6, 4}}, {"{}", {8}}, {"{}", {4, 2, 3}}}; }

 private:
  template <class Visit>
  static void for_each(const Reference& r, const Visit& visit) {
    const std::size_t half = r.dst().size() / static_cast<std::size_t>(r.n);
    for (std::size_t out = 0; out < r.dst().size(); ++out) {
      const std::size_t first = out / half * 2 * half + out % half;
      visit(out, first, first + half);
    }
  }
  std::optional<std::string> name_;
};

/// A sequence time-major as rows, and everything else as rows of whole examples.
class Steps final : public UnarySteps {
 public:
  explicit Steps(const Node& node) : node_(node) {}

  Value forward(Lowering& lowering, const Value& src) override {
    const Value x = as_rows(lowering, src, "input");
    const std::vector<tensor::Layout> halves(2, half_of(x.layout));
    const Value first = lowering.value(halves[0]), second = lowering.value(halves[0]), y = lowering.value(halves[0]);
    lowering.add(node_.name + " halves", tensor::split(x.layout, halves, x.layout.shape()[0]),
                 {{Slot::src, x.buffer}, {Slot::dst, first.buffer}, {Slot::dst, second.buffer}});
    lowering.may_replace(first, y);
    lowering.add(node_.name + " forward", tensor::sum(y.layout, 2),
                 {{Slot::src, first.buffer}, {Slot::src, second.buffer}, {Slot::dst, y.buffer}});
    return of_rows(lowering, y, node_.out());
  }
  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    if (!wants_diff_src) return {};
    const Value dy = as_rows(lowering, diff_dst, "error");
    const tensor::Shape& shape = dy.layout.shape();
    const std::vector<tensor::Layout> halves(2, dy.layout);
    const Value dx = lowering.value({shape[0], 2 * shape[1]});
    lowering.add(node_.name + " backward", tensor::concat(halves, dx.layout, shape[0]),
                 {{Slot::src, dy.buffer}, {Slot::src, dy.buffer}, {Slot::dst, dx.buffer}});
    return of_rows(lowering, dx, node_.in());
  }

 private:
  static tensor::Layout half_of(const tensor::Layout& rows) {
    return tensor::Layout::row_major(tensor::Dtype::f32, {rows.shape()[0], rows.shape()[1] / 2});
  }
  Value as_rows(Lowering& lowering, const Value& value, std::string_view what) const {
    const std::string name = fmt::format("{} {}", node_.name, what);
    if (is_sequence(node_.in())) return rows_of_sequence(lowering, value, name);
    const tensor::Shape& shape = value.layout.shape();
    return lowering.in_layout(value, tensor::Layout::row_major(tensor::Dtype::f32, shape), name + " in plain order")
        .reshaped({shape[0], tensor::element_count(shape) / shape[0]});
  }
  Value of_rows(Lowering& lowering, const Value& rows, const tensor::Shape& sample) const {
    if (is_sequence(sample)) return sequence_of_rows(lowering, rows, sample[1], node_.name);
    return rows.reshaped(tensor::with_rows(lowering.batch_size(), sample));
  }

  const Node& node_;
};

std::unique_ptr<LayerSteps> BiSum::lower(const Group& group) const { return std::make_unique<Steps>(*group.node); }

const OnShelf<GraphPart, BiSum> registered(
    "BiSum", "the sum of the two halves of the features, such as both directions of a BiRNN",
    R"((2·n, …) → (n, …): y_i = x_i + x_{n+i}.)");

}  // namespace
}  // namespace neon
