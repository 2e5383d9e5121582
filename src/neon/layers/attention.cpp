#include "neon/layers/attention.h"

#include <cmath>

#include "base/error.h"
#include "neon/lowering/lowering.h"
#include "neon/onnx_nodes.h"
#include "tensor/attention.h"

namespace neon {
namespace {

using tensor::Slot;

/// A score, in ONNX, whose weight is 0 next to any other.
constexpr float kUnseen = -1e30f;

/// The inputs of an attention besides queries, keys and values; 0: absent.
struct Inputs {
  std::size_t mask = 0, lengths = 0;
  explicit Inputs(std::span<const TensorSpec> in) {
    for (std::size_t i = 1; i < in.size(); ++i) {
      std::size_t& found = in[i].is_length() ? lengths : mask;
      if (found > 0)
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("it takes a sequence, perhaps a mask, and perhaps the length of each, but {} "
                                      "comes in as well",
                                      tensor::text(in[i].shape)));
      found = i;
    }
  }
};

class Attention final : public Layer {
 public:
  Attention(std::int64_t heads, bool causal) : heads_(heads), causal_(causal) {}

  std::optional<std::string> given_name() const override { return {}; }
  int reads_lengths_of() const override { return 0; }
  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const override {
    const Inputs inputs(in);
    const tensor::Shape& qkv = in[0].shape;
    if (qkv.size() != 2 || qkv[0] % (3 * heads_) != 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("{} heads need (features, time steps) with as many features each, got {}", heads_,
                                    tensor::text(qkv)));
    const std::size_t mask = inputs.mask;
    if (mask > 0 && (tensor::element_count(in[mask].shape) != qkv[1] || in[mask].dtype != tensor::Dtype::f32))
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("a mask has one number for each of {} time steps, got {}", qkv[1], tensor::text(in[mask].shape)));
    return {{{qkv[0] / 3, qkv[1]}}};
  }
  double kept_per_example(std::span<const TensorSpec> in) const override {  // how much each step sees of each
    return static_cast<double>(heads_) * static_cast<double>(in[0].shape[1]) * static_cast<double>(in[0].shape[1]);
  }
  double operations(std::span<const TensorSpec> in) const override {
    const tensor::Shape& qkv = in[0].shape;
    return 2.0 / 3 * static_cast<double>(qkv[0]) * static_cast<double>(qkv[1]) * static_cast<double>(qkv[1]);
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const std::int64_t size = nodes.node().in()[0] / 3, steps = nodes.node().in()[1], width = size / heads_;
    const Inputs inputs(nodes.node().ins);
    if (inputs.lengths > 0) nodes.refuse("it leaves padding out, which is not exported; give it a mask instead");
    std::vector<std::string> qkv = nodes.add_several("Split", {nodes.in()}, 3, {{"axis", std::int64_t{1}}});
    for (std::string& part : qkv) part = nodes.shaped(part, {heads_, width, steps});
    std::string scores = nodes.add("MatMul", {nodes.transposed(qkv[0], {0, 1, 3, 2}), qkv[1]});
    scores = nodes.add("Mul", {scores, nodes.number("scale", 1 / std::sqrt(static_cast<float>(width)))});
    if (causal_) {
      std::vector<float> later;
      for (std::int64_t i = 0; i < steps * steps; ++i) later.push_back(i % steps > i / steps ? kUnseen : 0);
      scores = nodes.add("Add", {scores, nodes.constant("later", {steps, steps}, std::move(later))});
    }
    // Where nothing is seen, weights are 0 and no softmax of equals.
    std::string seen;
    if (inputs.mask > 0) {
      const std::string mask = nodes.shaped(nodes.ins()[inputs.mask], {1, 1, steps});
      seen = nodes.add("Greater", {mask, nodes.number("unseen", 0)});
      scores = nodes.add("Where", {seen, scores, nodes.number("far", kUnseen)});
    }
    std::string weights = nodes.add("Softmax", {scores}, {{"axis", std::int64_t{3}}});
    if (!seen.empty()) weights = nodes.add("Where", {seen, weights, nodes.number("nothing", 0)});
    const std::string y = nodes.add("MatMul", {qkv[2], nodes.transposed(weights, {0, 1, 3, 2})});
    return {nodes.shaped(y, {size, steps})};
  }

  void reference_forward(Reference& r) const override {
    for_each_column(r, [&](const Column& c) {
      for (std::int64_t w = 0; w < c.width; ++w)
        for (std::int64_t j = 0; j < c.steps; ++j) r.dst()[c.out(w)] += c.weights[j] * r.src()[c.in(2, w, j)];
    });
  }
  void reference_backward(Reference& r) const override {
    auto& dx = r.diff_src();
    for_each_column(r, [&](const Column& c) {
      Reference::Numbers errors(c.weights.size());
      double sum = 0;
      for (std::int64_t j = 0; j < c.steps; ++j)
        for (std::int64_t w = 0; w < c.width; ++w) {
          errors[j] += r.diff_dst()[c.out(w)] * r.src()[c.in(2, w, j)];
          dx[c.in(2, w, j)] += r.diff_dst()[c.out(w)] * c.weights[j];
        }
      for (std::int64_t j = 0; j < c.steps; ++j) sum += errors[j] * c.weights[j];
      for (std::int64_t j = 0; j < c.steps; ++j) {
        const double error = c.weights[j] * (errors[j] - sum) / std::sqrt(static_cast<double>(c.width));
        for (std::int64_t w = 0; w < c.width; ++w) {
          dx[c.in(0, w, c.step)] += error * r.src()[c.in(1, w, j)];
          dx[c.in(1, w, j)] += error * r.src()[c.in(0, w, c.step)];
        }
      }
    });
  }

  std::int64_t heads() const { return heads_; }
  bool causal() const { return causal_; }

 private:
  /// One step that looks, with one head, and how much it sees of each step.
  struct Column {
    std::int64_t example, head, step, size, width, steps;
    Reference::Numbers weights;
    std::size_t in(std::int64_t which, std::int64_t w, std::int64_t t) const {
      return static_cast<std::size_t>(((example * 3 + which) * size + head * width + w) * steps + t);
    }
    std::size_t out(std::int64_t w) const {
      return static_cast<std::size_t>((example * size + head * width + w) * steps + step);
    }
  };

  template <class Visit>
  void for_each_column(const Reference& r, const Visit& visit) const {
    const std::int64_t size = r.in()[0] / 3, steps = r.in()[1];
    for (std::int64_t example = 0; example < r.n; ++example)
      for (std::int64_t head = 0; head < heads_; ++head)
        for (std::int64_t step = 0; step < steps; ++step) {
          Column c{
              example, head, step, size, size / heads_, steps, Reference::Numbers(static_cast<std::size_t>(steps))};
          weigh(r, c);
          visit(c);
        }
  }

  void weigh(const Reference& r, Column& c) const {
    const Inputs inputs(r.ins);
    const auto is_real = [&](std::int64_t t) {
      return inputs.lengths == 0 || static_cast<double>(t) < r.srcs[inputs.lengths][c.example];
    };
    const auto sees = [&](std::int64_t j) {
      return (!causal_ || j <= c.step) && is_real(j) && is_real(c.step) &&
             (inputs.mask == 0 || r.srcs[inputs.mask][c.example * c.steps + j] > 0);
    };
    double highest = -HUGE_VAL, sum = 0;
    for (std::int64_t j = 0; j < c.steps; ++j) {
      for (std::int64_t w = 0; w < c.width; ++w) c.weights[j] += r.src()[c.in(0, w, c.step)] * r.src()[c.in(1, w, j)];
      c.weights[j] /= std::sqrt(static_cast<double>(c.width));
      if (sees(j)) highest = std::max(highest, c.weights[j]);
    }
    for (std::int64_t j = 0; j < c.steps; ++j) sum += c.weights[j] = sees(j) ? std::exp(c.weights[j] - highest) : 0;
    for (double& weight : c.weights) weight = sum > 0 ? weight / sum : 0;
  }

  std::int64_t heads_;
  bool causal_;
};

class Steps final : public LayerSteps {
 public:
  Steps(const Node& node, const Attention& layer)
      : node_(node), inputs_(node.ins), how_{layer.heads(), layer.causal(), inputs_.mask > 0, inputs_.lengths > 0} {}

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    src_ = plain(lowering, srcs[0], "input");
    const Value y = lowering.value(batch_shape(lowering, node_.out()));
    std::vector<std::pair<Slot, int>> buffers{{Slot::src, src_.buffer}};
    if (how_.masked) buffers.emplace_back(Slot::src, plain(lowering, srcs[inputs_.mask], "mask").buffer);
    if (how_.has_lengths) buffers.emplace_back(Slot::src, (lengths_ = srcs[inputs_.lengths]).buffer);
    buffers.emplace_back(Slot::dst, y.buffer);
    const tensor::Kernel kernel = tensor::attention_forward(src_.layout, how_, lowering.training());
    if (lowering.training()) buffers.emplace_back(Slot::workspace, weights_ = lowering.workspace(kernel));
    lowering.add(node_.name + " forward", kernel, buffers);
    return {y};
  }

  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts,
                              const std::vector<bool>& wanted) override {
    std::vector<Value> diff_srcs(wanted.size());
    if (!wanted[0]) return diff_srcs;
    const Value dy = plain(lowering, diff_dsts[0], "error");
    diff_srcs[0] = lowering.value(src_.layout);
    std::vector<std::pair<Slot, int>> buffers{{Slot::src, src_.buffer},
                                              {Slot::diff_dst, dy.buffer},
                                              {Slot::workspace, weights_},
                                              {Slot::diff_src, diff_srcs[0].buffer}};
    if (how_.has_lengths) buffers.emplace_back(Slot::src, lengths_.buffer);
    lowering.add(node_.name + " backward", tensor::attention_backward(src_.layout, how_), buffers);
    return diff_srcs;
  }

 private:
  Value plain(Lowering& lowering, const Value& value, std::string_view what) const {
    return lowering.in_layout(value, tensor::Layout::row_major(tensor::Dtype::f32, value.layout.shape()),
                              fmt::format("{} {} in plain order", node_.name, what));
  }
  static tensor::Shape batch_shape(const Lowering& lowering, const tensor::Shape& sample) {
    tensor::Shape shape{lowering.batch_size()};
    shape.insert(shape.end(), sample.begin(), sample.end());
    return shape;
  }

  const Node& node_;
  Inputs inputs_;
  tensor::Attention how_;
  Value src_, lengths_;
  int weights_ = -1;
};

std::unique_ptr<LayerSteps> Attention::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, *this);
}

}  // namespace

std::vector<int> attention(GraphBuilder& builder, const std::string& type, const std::optional<std::string>& name,
                           const std::vector<int>& in, std::int64_t heads, bool causal) {
  return builder.place(std::make_shared<Attention>(heads, causal), type, name, in);
}

}  // namespace neon
