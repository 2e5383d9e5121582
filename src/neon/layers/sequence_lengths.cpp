#include "base/error.h"
#include "neon/graph_builder.h"
#include "neon/lowering/lowering.h"
#include "tensor/recurrent.h"

namespace neon {
namespace {

using tensor::Slot;

/// Of numbers (time steps) how many there are up to the last that is not padding.
class CountedLengths final : public Layer {
 public:
  explicit CountedLengths(std::int64_t pad) : pad_(pad) {}

  std::optional<std::string> given_name() const override { return {}; }
  std::vector<TensorSpec> infer(std::span<const TensorSpec>) const override { return {{{}, tensor::Dtype::i32}}; }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;

  void reference_forward(Reference& r) const override {
    const auto steps = static_cast<std::size_t>(r.in()[0]);
    for (std::size_t i = 0; i < r.src().size(); ++i)
      if (r.src()[i] != static_cast<double>(pad_)) r.dst()[i / steps] = static_cast<double>(i % steps + 1);
  }
  void reference_backward(Reference&) const override {}

 private:
  std::int64_t pad_;
};

class Steps final : public LayerSteps {
 public:
  Steps(const Node& node, std::int64_t pad) : node_(node), pad_(pad) {}

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    const tensor::Kernel kernel = tensor::lengths_of(srcs[0].layout, pad_);
    const Value lengths = lowering.value(kernel->layout(Slot::dst));
    lowering.add(node_.name + " forward", kernel, {{Slot::src, srcs[0].buffer}, {Slot::dst, lengths.buffer}});
    return {lengths};
  }
  std::vector<Value> backward(Lowering&, std::span<const Value>, const std::vector<bool>& wanted) override {
    return std::vector<Value>(wanted.size());
  }

 private:
  const Node& node_;
  std::int64_t pad_;
};

std::unique_ptr<LayerSteps> CountedLengths::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, pad_);
}

/// Joins sequences with their lengths: what comes out are the sequences alone, which know them.
class SequenceLengths final : public GraphPart {
 public:
  struct Config {
    std::optional<std::int64_t> pad_idx;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("pad_idx", &Config::pad_idx,
                                    "the number of padding: sequences of whole numbers that come without a length end "
                                    "after the last number that is not this one"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit SequenceLengths(const Config& config) : config_(config) {}

  std::optional<std::string> given_name() const override { return config_.name; }

  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    std::vector<int> sequences;
    bool found = false;
    for (std::size_t i = 0; i < in.size(); ++i) {
      const TensorSpec spec = builder.spec_of(in[i]);
      sequences.push_back(in[i]);
      if (i + 1 < in.size() && !spec.shape.empty() && builder.spec_of(in[i + 1]).is_length()) {
        builder.set_lengths(in[i], in[i + 1]);
        ++i;
      } else if (config_.pad_idx && spec.shape.size() == 1 && spec.dtype == tensor::Dtype::i32) {
        const auto counted = std::make_shared<CountedLengths>(*config_.pad_idx);
        const auto name = found ? std::nullopt : config_.name;
        builder.set_lengths(in[i], builder.place(counted, "SequenceLengths", name, {in[i]})[0]);
      } else {
        continue;
      }
      found = true;
    }
    if (!found)
      throw base::Error(base::Code::invalid_argument,
                        "no sequence has a length: behind a sequence there must be an input of one whole number per "
                        "record (i32), or pad_idx must say which number is padding");
    return sequences;
  }

 private:
  Config config_;
};

const OnShelf<GraphPart, SequenceLengths> registered(
    "SequenceLengths", "says how many steps of each sequence are real, the rest being padding",
    R"((sequence, length, …) → (sequence, …). Write it as the first layer of a model whose data bring sequences with lengths: each input
that is one whole number per record (i32) is the length of the sequence right before it, and only the sequences go on to the
next layer. With `pad_idx` a sequence of whole numbers (time steps) that comes without a length ends after its last number
other than `pad_idx`. A length is from 0 to the number of time steps; a batch with any other is refused before its step.

From there on a sequence knows its length as long as layers keep its time steps (LookupTable, dense and recurrent layers, norms,
Dropout, attention, convolutions that keep the size). Padding, the steps from the length on, then counts nowhere: recurrent
layers leave their state as it is and give 0 there, the backward direction of a bidirectional one starts at the last real
step, RecurrentLast takes the last real step, RecurrentSum and RecurrentMean the real ones, attention sees no padding, and
costs and metrics are of the real steps alone: neither the mean nor a gradient has anything of the others. A layer that changes
the number of steps (Reshape, MergeBroadcast along time) ends it.)",
    {{"pack_padded_sequence", ""}, {"Masking", "SequenceLengths with pad_idx, for whole numbers"}});

}  // namespace
}  // namespace neon
