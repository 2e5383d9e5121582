#include "base/error.h"
#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"
#include "tensor/recurrent.h"

namespace neon {
namespace {

using tensor::Readout;
using tensor::Slot;

/// One row of numbers out of all steps of a sequence.
template <Readout kReadout>
class RecurrentOutput final : public UnaryLayer {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit RecurrentOutput(const Config& config) : name_(config.name) {}

  std::optional<std::string> given_name() const override { return name_; }
  tensor::Shape out_shape(const tensor::Shape& in) const override {
    if (!is_sequence(in))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("it reads a sequence (features, time steps), but {} comes in", tensor::text(in)));
    return {in[0]};
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const std::vector<std::int64_t> axis{2};
    if (kReadout == Readout::mean)
      return {nodes.add("ReduceMean", {nodes.in()}, {{"axes", axis}, {"keepdims", std::int64_t{0}}})};
    if (kReadout == Readout::sum)
      return {nodes.add("ReduceSum", {nodes.in(), nodes.constant("time", axis)}, {{"keepdims", std::int64_t{0}}})};
    const std::string last = nodes.add("Gather", {nodes.in(), nodes.constant("last", {nodes.node().in()[1] - 1})},
                                       {{"axis", std::int64_t{2}}});
    return {nodes.flat(last, {nodes.node().in()[0], 1})};
  }

  void reference_forward(Reference& r) const override {
    for_each(r, [&](std::size_t out, std::size_t in, double factor) { r.dst()[out] += factor * r.src()[in]; });
  }
  void reference_backward(Reference& r) const override {
    for_each(r, [&](std::size_t out, std::size_t in, double factor) { r.diff_src()[in] = factor * r.diff_dst()[out]; });
  }
  static std::vector<LayerCase> cases() { return {{"{}", {5, 4}}, {"{}", {16, 1}}}; }

 private:
  template <class Visit>
  static void for_each(const Reference& r, const Visit& visit) {
    const auto steps = static_cast<std::size_t>(r.in()[1]);
    for (std::size_t row = 0; row < r.src().size() / steps; ++row)
      for (std::size_t t = kReadout == Readout::last ? steps - 1 : 0; t < steps; ++t)
        visit(row, row * steps + t, kReadout == Readout::mean ? 1.0 / static_cast<double>(steps) : 1.0);
  }
  std::optional<std::string> name_;
};

class Steps final : public UnarySteps {
 public:
  Steps(const Node& node, Readout readout) : node_(node), readout_(readout) {}

  Value forward(Lowering& lowering, const Value& src) override {
    const Value x = rows_of_sequence(lowering, src, node_.name + " input");
    const tensor::Kernel kernel =
        tensor::readout_forward(readout_, node_.in()[1], lowering.batch_size(), node_.in()[0]);
    const Value y = lowering.value(kernel->layout(Slot::dst));
    lowering.add(node_.name + " forward", kernel, {{Slot::src, x.buffer}, {Slot::dst, y.buffer}});
    return y;
  }
  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    if (!wants_diff_src) return {};
    const tensor::Kernel kernel =
        tensor::readout_backward(readout_, node_.in()[1], lowering.batch_size(), node_.in()[0]);
    const Value dy = lowering.in_layout(diff_dst, kernel->layout(Slot::diff_dst), node_.name + " error in plain order");
    const Value dx = lowering.value(kernel->layout(Slot::diff_src));
    lowering.add(node_.name + " backward", kernel, {{Slot::diff_dst, dy.buffer}, {Slot::diff_src, dx.buffer}});
    return sequence_of_rows(lowering, dx, node_.in()[1], node_.name);
  }

 private:
  const Node& node_;
  Readout readout_;
};

template <Readout kReadout>
std::unique_ptr<LayerSteps> RecurrentOutput<kReadout>::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, kReadout);
}

const OnShelf<GraphPart, RecurrentOutput<Readout::sum>> registered_sum("RecurrentSum", "the sum of all time steps",
                                                                       R"((features, time steps) → (features).)");
const OnShelf<GraphPart, RecurrentOutput<Readout::mean>> registered_mean("RecurrentMean", "the mean of all time steps",
                                                                         R"((features, time steps) → (features).)");
const OnShelf<GraphPart, RecurrentOutput<Readout::last>> registered_last("RecurrentLast", "the last time step",
                                                                         R"((features, time steps) → (features).)");

}  // namespace
}  // namespace neon
