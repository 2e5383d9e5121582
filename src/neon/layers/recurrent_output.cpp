#include "base/error.h"
#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"
#include "tensor/recurrent.h"

namespace neon {
namespace {

using tensor::Readout;
using tensor::Slot;

/// One row of numbers out of all real steps of a sequence.
template <Readout kReadout>
class RecurrentOutput final : public Layer {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit RecurrentOutput(const Config& config) : name_(config.name) {}

  std::optional<std::string> given_name() const override { return name_; }
  int reads_lengths_of() const override { return 0; }
  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const override {
    const bool has_length = in.size() == 2 && in[1].is_length();
    if (in.size() != 1 && !has_length)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("it takes a sequence, and perhaps the length of each, but {} inputs come in", in.size()));
    if (!is_sequence(in[0].shape) || in[0].dtype != tensor::Dtype::f32)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("it reads a sequence (features, time steps), but {} comes in", tensor::text(in[0].shape)));
    return {{{in[0].shape[0]}}};
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const std::vector<std::int64_t> axis{2};
    if (nodes.node().ins.size() > 1) {  // what is left out is multiplied by 0
      const std::string& lengths = nodes.ins()[1];
      const std::int64_t steps = nodes.node().in()[1];
      const std::string counts = kReadout == Readout::last ? nodes.steps_where("Equal", lengths, 1, steps)
                                                           : nodes.steps_where("Less", lengths, 0, steps);
      const std::string sum =
          nodes.add("ReduceSum", {nodes.add("Mul", {nodes.in(), counts}), nodes.constant("time", axis)},
                    {{"keepdims", std::int64_t{0}}});
      if (kReadout != Readout::mean) return {sum};
      const std::string count = nodes.cast(nodes.shaped(lengths, {1}), 1);
      return {nodes.add("Div", {sum, nodes.add("Max", {count, nodes.number("one", 1)})})};
    }
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
  static std::vector<LayerCase> cases() {
    return {{"{}", {5, 4}}, {"{}", {16, 1}}, {"{}", {3, 7}, {{{}, tensor::Dtype::i32}}}};
  }

 private:
  template <class Visit>
  static void for_each(const Reference& r, const Visit& visit) {
    const auto features = static_cast<std::size_t>(r.in()[0]), steps = static_cast<std::size_t>(r.in()[1]);
    for (std::size_t row = 0; row < r.src().size() / steps; ++row) {
      const auto length = r.srcs.size() > 1 ? static_cast<std::size_t>(r.srcs[1][row / features]) : steps;
      for (std::size_t t = kReadout == Readout::last && length > 0 ? length - 1 : 0; t < length; ++t)
        visit(row, row * steps + t, kReadout == Readout::mean ? 1.0 / static_cast<double>(length) : 1.0);
    }
  }
  std::optional<std::string> name_;
};

class Steps final : public LayerSteps {
 public:
  Steps(const Node& node, Readout readout) : node_(node), readout_(readout), has_lengths_(node.ins.size() > 1) {}

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    const Value x = rows_of_sequence(lowering, srcs[0], node_.name + " input");
    const tensor::Kernel kernel =
        tensor::readout_forward(readout_, node_.in()[1], lowering.batch_size(), node_.in()[0], has_lengths_);
    const Value y = lowering.value(kernel->layout(Slot::dst));
    if (has_lengths_) lengths_ = srcs[1];
    lowering.add(node_.name + " forward", kernel, with_lengths({{Slot::src, x.buffer}, {Slot::dst, y.buffer}}));
    return {y};
  }
  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts,
                              const std::vector<bool>& wanted) override {
    std::vector<Value> diff_srcs(wanted.size());
    if (!wanted[0]) return diff_srcs;
    const tensor::Kernel kernel =
        tensor::readout_backward(readout_, node_.in()[1], lowering.batch_size(), node_.in()[0], has_lengths_);
    const Value dy =
        lowering.in_layout(diff_dsts[0], kernel->layout(Slot::diff_dst), node_.name + " error in plain order");
    const Value dx = lowering.value(kernel->layout(Slot::diff_src));
    lowering.add(node_.name + " backward", kernel,
                 with_lengths({{Slot::diff_dst, dy.buffer}, {Slot::diff_src, dx.buffer}}));
    diff_srcs[0] = sequence_of_rows(lowering, dx, node_.in()[1], node_.name);
    return diff_srcs;
  }

 private:
  std::vector<std::pair<Slot, int>> with_lengths(std::vector<std::pair<Slot, int>> buffers) const {
    if (has_lengths_) buffers.emplace_back(Slot::src, lengths_.buffer);
    return buffers;
  }

  const Node& node_;
  Readout readout_;
  bool has_lengths_;
  Value lengths_;
};

template <Readout kReadout>
std::unique_ptr<LayerSteps> RecurrentOutput<kReadout>::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, kReadout);
}

constexpr std::string_view kDetails =
    R"((features, time steps) → (features). Of sequences with lengths (see SequenceLengths) the real steps count; what has none
gives zeros.)";

const OnShelf<GraphPart, RecurrentOutput<Readout::sum>> registered_sum("RecurrentSum", "the sum of all time steps",
                                                                       kDetails);
const OnShelf<GraphPart, RecurrentOutput<Readout::mean>> registered_mean("RecurrentMean", "the mean of all time steps",
                                                                         kDetails);
const OnShelf<GraphPart, RecurrentOutput<Readout::last>> registered_last("RecurrentLast", "the last time step",
                                                                         kDetails);

}  // namespace
}  // namespace neon
