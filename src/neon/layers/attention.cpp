#include "neon/layers/attention.h"

#include <cmath>

#include "base/error.h"
#include "neon/lowering/lowering.h"
#include "neon/onnx_nodes.h"
#include "tensor/attention.h"
#include "tensor/operations.h"

namespace neon {
namespace {

using tensor::Slot;

/// A score, in ONNX, whose weight is 0 next to any other.
constexpr float kUnseen = -1e30f;

/// An attention in its place in a graph.
struct Kind : AttentionKind {
  bool memory_has_lengths = false;  ///< the last input says so; without a memory lengths are those of the sequence
};

/// The inputs of an attention besides the first; 0: absent.
struct Inputs {
  std::size_t memory = 0, mask = 0, lengths = 0, memory_lengths = 0;

  Inputs(const Kind& kind, std::span<const TensorSpec> in) {
    std::size_t next = 1, end = in.size();
    if (kind.of_memory) memory = next++;
    if (kind.memory_has_lengths) memory_lengths = --end;
    if (next < end && !in[next].is_length()) mask = next++;
    if (next < end && in[next].is_length()) lengths = next++;
    if (next != end)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("it takes a sequence, perhaps a mask, and perhaps the length of each, but {} comes in as well",
                      tensor::text(in[next].shape)));
  }
};

/// What the shapes that come in say.
struct Extents {
  std::int64_t size, looking, seen;
  Extents(const Kind& kind, std::span<const TensorSpec> in) {
    const tensor::Shape &src = in[0].shape, &memory = in[kind.of_memory ? 1 : 0].shape;
    const std::int64_t parts = kind.of_memory ? 1 : 3;
    if (src.size() != 2 || src[0] % (parts * kind.heads) != 0)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("{} heads need (features, time steps) with as many features each, got {}",
                                    kind.heads, tensor::text(src)));
    size = src[0] / parts;
    if (kind.of_memory && (memory.size() != 2 || memory[0] != 2 * size))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("{} numbers of each query need keys and values ({}, time steps), got {}", size,
                                    2 * size, tensor::text(memory)));
    looking = src[1];
    seen = memory[1];
  }
};

class Attention final : public Layer {
 public:
  explicit Attention(const Kind& kind) : kind_(kind) {}

  std::optional<std::string> given_name() const override { return {}; }
  int reads_lengths_of() const override { return kind_.of_memory ? 1 : 0; }
  Sight sight(std::size_t input) const override {
    if (input > 0) return Sight::whole;
    return kind_.of_memory ? Sight::itself : kind_.causal ? Sight::before : Sight::whole;
  }
  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const override {
    const Extents of(kind_, in);
    const Inputs inputs(kind_, in);
    const std::size_t mask = inputs.mask;
    if (mask > 0 && (tensor::element_count(in[mask].shape) != of.seen || in[mask].dtype != tensor::Dtype::f32))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("a mask has one number for each of {} time steps, got {}", of.seen,
                                    tensor::text(in[mask].shape)));
    return {{{of.size, of.looking}}};
  }
  double kept_per_example(std::span<const TensorSpec> in) const override {  // how much each step sees of each
    const Extents of(kind_, in);
    return static_cast<double>(kind_.heads) * static_cast<double>(of.seen) * static_cast<double>(of.looking);
  }
  double operations(std::span<const TensorSpec> in) const override {
    const Extents of(kind_, in);
    return 2.0 * static_cast<double>(of.size) * static_cast<double>(of.seen) * static_cast<double>(of.looking);
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const Extents of(kind_, nodes.node().ins);
    const Inputs inputs(kind_, nodes.node().ins);
    if (inputs.lengths + inputs.memory_lengths > 0)
      nodes.refuse("it leaves padding out, which is not exported; give it a mask instead");
    const std::int64_t width = of.size / kind_.heads;
    std::vector<std::string> qkv{nodes.in()};
    if (kind_.of_memory)
      for (std::string& part : nodes.add_several("Split", {nodes.ins()[1]}, 2, {{"axis", std::int64_t{1}}}))
        qkv.push_back(std::move(part));
    else
      qkv = nodes.add_several("Split", {nodes.in()}, 3, {{"axis", std::int64_t{1}}});
    for (std::size_t i = 0; i < 3; ++i)
      qkv[i] = nodes.shaped(qkv[i], {kind_.heads, width, i == 0 ? of.looking : of.seen});
    std::string scores = nodes.add("MatMul", {nodes.transposed(qkv[0], {0, 1, 3, 2}), qkv[1]});
    scores = nodes.add("Mul", {scores, nodes.number("scale", 1 / std::sqrt(static_cast<float>(width)))});
    if (kind_.causal) {
      std::vector<float> later;
      for (std::int64_t i = 0; i < of.looking * of.seen; ++i) later.push_back(i % of.seen > i / of.seen ? kUnseen : 0);
      scores = nodes.add("Add", {scores, nodes.constant("later", {of.looking, of.seen}, std::move(later))});
    }
    // Where nothing is seen, weights are 0 and no softmax of equals.
    std::string seen;
    if (inputs.mask > 0) {
      const std::string mask = nodes.shaped(nodes.ins()[inputs.mask], {1, 1, of.seen});
      seen = nodes.add("Greater", {mask, nodes.number("unseen", 0)});
      scores = nodes.add("Where", {seen, scores, nodes.number("far", kUnseen)});
    }
    std::string weights = nodes.add("Softmax", {scores}, {{"axis", std::int64_t{3}}});
    if (!seen.empty()) weights = nodes.add("Where", {seen, weights, nodes.number("nothing", 0)});
    const std::string y = nodes.add("MatMul", {qkv[2], nodes.transposed(weights, {0, 1, 3, 2})});
    return {nodes.shaped(y, {of.size, of.looking})};
  }

  void reference_forward(Reference& r) const override {
    for_each_column(r, [&](const Column& c) {
      for (std::int64_t w = 0; w < c.width; ++w)
        for (std::int64_t j = 0; j < c.seen; ++j)
          r.dst()[c.out(w)] += c.weights[j] * c.survives[j] * r.srcs[c.inputs.memory][c.value(w, j)];
    });
  }
  void reference_backward(Reference& r) const override {
    for_each_column(r, [&](const Column& c) {
      const auto &x = r.src(), &memory = r.srcs[c.inputs.memory];
      auto &dx = r.diff_src(), &dmemory = r.diff_srcs[c.inputs.memory];
      Reference::Numbers errors(c.weights.size());
      double sum = 0;
      for (std::int64_t j = 0; j < c.seen; ++j)
        for (std::int64_t w = 0; w < c.width; ++w) {
          errors[j] += r.diff_dst()[c.out(w)] * c.survives[j] * memory[c.value(w, j)];
          dmemory[c.value(w, j)] += r.diff_dst()[c.out(w)] * c.weights[j] * c.survives[j];
        }
      for (std::int64_t j = 0; j < c.seen; ++j) sum += errors[j] * c.weights[j];
      for (std::int64_t j = 0; j < c.seen; ++j) {
        const double error = c.weights[j] * (errors[j] - sum) / std::sqrt(static_cast<double>(c.width));
        for (std::int64_t w = 0; w < c.width; ++w) {
          dx[c.query(w)] += error * memory[c.key(w, j)];
          dmemory[c.key(w, j)] += error * x[c.query(w)];
        }
      }
    });
  }

  const Kind& kind() const { return kind_; }

 private:
  /// One step that looks, with one head, and how much it sees of each step.
  struct Column {
    Inputs inputs;
    std::int64_t example, head, step, size, width, looking, seen;
    Reference::Numbers weights, survives;  ///< survives: 0, or what the weight is multiplied by

    // Where its numbers lie: the query in the first input, keys and values in that of the memory, or behind it.
    std::size_t query(std::int64_t w) const { return at(example * parts_of_src(), w, step, looking); }
    std::size_t key(std::int64_t w, std::int64_t j) const { return at(first_of_memory(), w, j, seen); }
    std::size_t value(std::int64_t w, std::int64_t j) const { return at(first_of_memory() + 1, w, j, seen); }
    std::size_t out(std::int64_t w) const { return at(example, w, step, looking); }

   private:
    std::int64_t parts_of_src() const { return inputs.memory > 0 ? 1 : 3; }
    std::int64_t first_of_memory() const { return inputs.memory > 0 ? example * 2 : example * 3 + 1; }
    std::size_t at(std::int64_t block, std::int64_t w, std::int64_t t, std::int64_t steps) const {
      return static_cast<std::size_t>((block * size + head * width + w) * steps + t);
    }
  };

  template <class Visit>
  void for_each_column(const Reference& r, const Visit& visit) const {
    const Extents of(kind_, r.ins);
    for (std::int64_t example = 0; example < r.n; ++example)
      for (std::int64_t head = 0; head < kind_.heads; ++head)
        for (std::int64_t step = 0; step < of.looking; ++step) {
          Column c{Inputs(kind_, r.ins),
                   example,
                   head,
                   step,
                   of.size,
                   of.size / kind_.heads,
                   of.looking,
                   of.seen,
                   Reference::Numbers(static_cast<std::size_t>(of.seen)),
                   Reference::Numbers(static_cast<std::size_t>(of.seen), 1)};
          weigh(r, c);
          if (r.training && kind_.keep < 1)
            for (std::int64_t j = 0; j < of.seen; ++j) {
              const std::int64_t unit = ((example * kind_.heads + head) * of.seen + j) * of.looking + step;
              c.survives[j] =
                  tensor::survives({kind_.keep, static_cast<std::uint64_t>(r.layer_index)}, r.seed, r.step, unit)
                      ? 1 / kind_.keep
                      : 0;
            }
          visit(c);
        }
  }

  void weigh(const Reference& r, Column& c) const {
    const auto is_real = [&](std::int64_t t, std::size_t lengths) {
      return lengths == 0 || static_cast<double>(t) < r.srcs[lengths][c.example];
    };
    const std::size_t seen_lengths = kind_.of_memory ? c.inputs.memory_lengths : c.inputs.lengths;
    const auto sees = [&](std::int64_t j) {
      return (!kind_.causal || j <= c.step) && is_real(j, seen_lengths) && is_real(c.step, c.inputs.lengths) &&
             (c.inputs.mask == 0 || r.srcs[c.inputs.mask][c.example * c.seen + j] > 0);
    };
    const auto& memory = r.srcs[c.inputs.memory];
    double highest = -HUGE_VAL, sum = 0;
    for (std::int64_t j = 0; j < c.seen; ++j) {
      for (std::int64_t w = 0; w < c.width; ++w) c.weights[j] += r.src()[c.query(w)] * memory[c.key(w, j)];
      c.weights[j] /= std::sqrt(static_cast<double>(c.width));
      if (sees(j)) highest = std::max(highest, c.weights[j]);
    }
    for (std::int64_t j = 0; j < c.seen; ++j) sum += c.weights[j] = sees(j) ? std::exp(c.weights[j] - highest) : 0;
    for (double& weight : c.weights) weight = sum > 0 ? weight / sum : 0;
  }

  Kind kind_;
};

class Steps final : public LayerSteps {
 public:
  Steps(const Node& node, const Kind& kind)
      : node_(node),
        inputs_(kind, node.ins),
        how_{kind.heads,
             kind.causal,
             inputs_.mask > 0,
             kind.keep,
             static_cast<std::uint64_t>(node.index),
             inputs_.lengths > 0,
             inputs_.memory_lengths > 0} {}

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    read_.push_back(plain(lowering, srcs[0], "input"));
    sources_.src = read_[0].layout;
    if (inputs_.memory > 0) {
      read_.push_back(plain(lowering, srcs[inputs_.memory], "memory"));
      sources_.memory = read_[1].layout;
    }
    std::vector<Value> all = read_;
    if (how_.masked) all.push_back(plain(lowering, srcs[inputs_.mask], "mask"));
    for (const std::size_t lengths : {inputs_.lengths, inputs_.memory_lengths})
      if (lengths > 0) all.push_back(read_.emplace_back(srcs[lengths]));
    const Value y = lowering.value(batch_shape(lowering, node_.out()));
    std::vector<std::pair<Slot, int>> buffers = sources(all);
    buffers.emplace_back(Slot::dst, y.buffer);
    const tensor::Kernel kernel = tensor::attention_forward(sources_, how_, lowering.training());
    if (lowering.training()) buffers.emplace_back(Slot::workspace, weights_ = lowering.workspace(kernel));
    lowering.add(node_.name + " forward", kernel, buffers);
    return {y};
  }

  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts,
                              const std::vector<bool>& wanted) override {
    std::vector<Value> diff_srcs(wanted.size());
    if (!wanted[0] && !wanted[inputs_.memory]) return diff_srcs;
    std::vector<std::pair<Slot, int>> buffers = sources(read_);
    buffers.emplace_back(Slot::diff_dst, plain(lowering, diff_dsts[0], "error").buffer);
    buffers.emplace_back(Slot::workspace, weights_);
    diff_srcs[0] = lowering.value(sources_.src);
    buffers.emplace_back(Slot::diff_src, diff_srcs[0].buffer);
    if (sources_.memory) {
      diff_srcs[inputs_.memory] = lowering.value(*sources_.memory);
      buffers.emplace_back(Slot::diff_src, diff_srcs[inputs_.memory].buffer);
    }
    lowering.add(node_.name + " backward", tensor::attention_backward(sources_, how_), buffers);
    return diff_srcs;
  }

 private:
  static std::vector<std::pair<Slot, int>> sources(const std::vector<Value>& values) {
    std::vector<std::pair<Slot, int>> buffers;
    for (const Value& value : values) buffers.emplace_back(Slot::src, value.buffer);
    return buffers;
  }
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
  tensor::AttentionSources sources_;
  std::vector<Value> read_;  ///< by the backward step too: all inputs but the mask
  int weights_ = -1;
};

std::unique_ptr<LayerSteps> Attention::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, kind_);
}

}  // namespace

std::vector<int> without_lengths(GraphBuilder& builder, const std::vector<int>& in) {
  std::vector<int> others;
  for (const int edge : in)
    if (!others.empty() && builder.spec_of(edge).is_length())
      builder.set_lengths(others[0], edge);
    else
      others.push_back(edge);
  return others;
}

std::vector<int> attention(GraphBuilder& builder, const std::string& type, const std::optional<std::string>& name,
                           std::vector<int> in, const AttentionKind& kind) {
  Kind placed{kind};
  if (kind.of_memory) {  // two sequences, each with its own lengths
    const int lengths = builder.lengths_of(in[0]), memory_lengths = builder.lengths_of(in[1]);
    if (lengths >= 0) in.push_back(lengths);
    if (memory_lengths >= 0) in.push_back(memory_lengths);
    placed.memory_has_lengths = memory_lengths >= 0;
  }
  return builder.place(std::make_shared<Attention>(placed), type, name, in);
}

}  // namespace neon
