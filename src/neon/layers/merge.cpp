#include "neon/layers/merge.h"

#include <numeric>

#include "base/error.h"
#include "neon/lowering/element_wise.h"
#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"
#include "tensor/rectified_sum.h"

namespace neon {
namespace {

using tensor::Slot;

std::vector<std::string> texts_of(std::span<const TensorSpec> specs) {
  std::vector<std::string> texts;
  for (const TensorSpec& spec : specs) texts.push_back(tensor::text(spec.shape));
  return texts;
}

/// The shape with nothing along one extent.
tensor::Shape without(tensor::Shape shape, std::size_t axis) {
  if (axis < shape.size()) shape[axis] = 0;
  return shape;
}

class NodeLayer : public Layer {
 public:
  std::optional<std::string> given_name() const final { return {}; }
};

// --- sum

class Sum final : public NodeLayer {
 public:
  Sight sight(std::size_t) const override { return Sight::itself; }
  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const override {
    for (const TensorSpec& spec : in)
      if (spec.shape != in[0].shape)
        throw base::Error(
            base::Code::invalid_argument,
            fmt::format("what is added must have one shape, but the branches give {}", fmt::join(texts_of(in), ", ")));
    return {in[0]};
  }
  bool absorbs(const Transform& next) const override {
    const auto function = next.vendor_function();
    return function && function->function == tensor::Function::rectlin;
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    std::string sum = nodes.ins()[0];
    for (std::size_t i = 1; i < nodes.ins().size(); ++i) sum = nodes.add("Add", {sum, nodes.ins()[i]});
    return {sum};
  }

  void reference_forward(Reference& r) const override {
    for (const auto& src : r.srcs)
      for (std::size_t i = 0; i < src.size(); ++i) r.dst()[i] += src[i];
  }
  void reference_backward(Reference& r) const override {
    for (auto& diff_src : r.diff_srcs) diff_src = r.diff_dst();
  }
};

class SumSteps final : public LayerSteps {
 public:
  explicit SumSteps(const Group& group) : name_(group.node->name), then_(group.then()) {}

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    if (srcs.size() == 1 && !then_) return {srcs[0]};
    const tensor::Layout& layout = srcs[0].layout;
    std::vector<std::pair<Slot, int>> buffers;
    for (const Value& src : srcs)
      buffers.emplace_back(Slot::src, lowering.in_layout(src, layout, name_ + " input in another order").buffer);
    dst_ = lowering.value(layout);
    lowering.may_replace(srcs[0], dst_);
    buffers.emplace_back(Slot::dst, dst_.buffer);
    const tensor::Kernel kernel =
        then_ ? tensor::rectified_sum(layout, srcs.size(), then_->transform->vendor_function()->slope)
              : tensor::sum(layout, srcs.size());
    lowering.add(name_ + " forward", kernel, buffers);
    return {dst_};
  }
  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts,
                              const std::vector<bool>& wanted) override {
    const Value error = then_ ? through_derivative(lowering, *then_, dst_, diff_dsts[0], name_) : diff_dsts[0];
    return std::vector<Value>(wanted.size(), error);
  }

 private:
  std::string name_;
  std::optional<Following> then_;
  Value dst_;
};

std::unique_ptr<LayerSteps> Sum::lower(const Group& group) const { return std::make_unique<SumSteps>(group); }

// --- concatenation

class Concat final : public NodeLayer {
 public:
  explicit Concat(Merge merge) : merge_(merge) {}
  Sight sight(std::size_t) const override { return merge_ == Merge::depth ? Sight::itself : Sight::whole; }

  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const override {
    TensorSpec out = in[0];
    if (merge_ == Merge::stack) {
      out.shape = {0};
      for (const TensorSpec& spec : in) out.shape[0] += tensor::element_count(spec.shape);
      return {out};
    }
    const std::size_t axis = merge_ == Merge::recurrent ? 1 : 0;
    const bool has_time = out.shape.size() == 2;
    out.shape = without(out.shape, axis);
    for (const TensorSpec& spec : in) {
      if (without(spec.shape, axis) != without(out.shape, axis) || (merge_ == Merge::recurrent && !has_time))
        throw base::Error(
            base::Code::invalid_argument,
            fmt::format("what is joined along {} must have one shape apart from that, but the branches give {}",
                        merge_ == Merge::recurrent ? "time, the second of (features, time steps)," : "feature maps",
                        fmt::join(texts_of(in), ", ")));
      out.shape[axis] += spec.shape[axis];
    }
    return {out};
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    std::vector<std::string> ins = nodes.ins();
    if (merge_ == Merge::stack)
      for (std::size_t i = 0; i < ins.size(); ++i) ins[i] = nodes.flat(ins[i], nodes.node().ins[i].shape);
    return {nodes.add("Concat", ins, {{"axis", std::int64_t{merge_ == Merge::recurrent ? 2 : 1}}})};
  }

  void reference_forward(Reference& r) const override {
    for_each(r, [&](std::size_t i, std::size_t at, std::size_t joined) { r.dst()[joined] = r.srcs[i][at]; });
  }
  void reference_backward(Reference& r) const override {
    for_each(r, [&](std::size_t i, std::size_t at, std::size_t joined) { r.diff_srcs[i][at] = r.diff_dst()[joined]; });
  }

  Merge merge() const { return merge_; }

 private:
  template <class Visit>
  void for_each(const Reference& r, const Visit& visit) const {
    const auto outer = static_cast<std::size_t>(merge_ == Merge::recurrent ? r.n * r.ins[0].shape[0] : r.n);
    std::size_t joined = 0;
    for (std::size_t o = 0; o < outer; ++o)
      for (std::size_t i = 0; i < r.srcs.size(); ++i) {
        const std::size_t run = r.srcs[i].size() / outer;
        for (std::size_t k = 0; k < run; ++k) visit(i, o * run + k, joined++);
      }
  }
  Merge merge_;
};

class ConcatSteps final : public LayerSteps {
 public:
  ConcatSteps(const Group& group, Merge merge) : node_(*group.node), merge_(merge) {}

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    const tensor::Shape dst = batch_shape(lowering, node_.out());
    const bool sequences = is_sequence(node_.out());
    const bool blocked = !sequences && merge_ == Merge::depth && keeps_blocks(srcs, dst);
    std::vector<std::pair<Slot, int>> buffers;
    for (const Value& src : srcs) {
      const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, src.layout.shape());
      const Value x = sequences ? time_major(lowering, src, node_.name + " input")
                      : blocked ? src
                                : lowering.in_layout(src, plain, node_.name + " input in plain order");
      srcs_.push_back(x.layout);
      buffers.emplace_back(Slot::src, x.buffer);
    }
    const Value y = lowering.value(sequences ? tensor::Layout::time_major(tensor::Dtype::f32, dst)
                                   : blocked ? srcs[0].layout.resized(dst)
                                             : tensor::Layout::row_major(tensor::Dtype::f32, dst));
    dst_ = y.layout;
    outer_ = !sequences ? dst[0] : merge_ == Merge::recurrent ? 1 : dst[2] * dst[0];
    buffers.emplace_back(Slot::dst, y.buffer);
    lowering.add(node_.name + " forward", tensor::concat(srcs_, dst_, outer_), buffers);
    return {y};
  }

  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts, const std::vector<bool>&) override {
    const Value dy = lowering.in_layout(diff_dsts[0], dst_, node_.name + " error in another order");
    std::vector<Value> dx;
    std::vector<std::pair<Slot, int>> buffers{{Slot::src, dy.buffer}};
    for (const tensor::Layout& layout : srcs_) {
      dx.push_back(lowering.value(layout));
      buffers.emplace_back(Slot::dst, dx.back().buffer);
    }
    lowering.add(node_.name + " backward", tensor::split(dst_, srcs_, outer_), buffers);
    return dx;
  }

 private:
  static tensor::Shape batch_shape(const Lowering& lowering, const tensor::Shape& sample) {
    tensor::Shape shape{lowering.batch_size()};
    shape.insert(shape.end(), sample.begin(), sample.end());
    return shape;
  }

  /// Whether all lie in blocks of as many channels and fill them, so that blocks can be put one after the other.
  static bool keeps_blocks(std::span<const Value> srcs, const tensor::Shape& dst) {
    const auto first = srcs[0].layout.channel_order();
    if (!first || first->block == 1 || first->padded_channels() != first->channels) return false;
    const auto joined = srcs[0].layout.resized(dst).channel_order();
    if (!joined || joined->block != first->block) return false;
    for (const Value& src : srcs) {
      const auto order = src.layout.channel_order();
      if (!order || order->block != first->block || order->padded_channels() != order->channels ||
          !(src.layout == srcs[0].layout.resized(src.layout.shape())))
        return false;
    }
    return true;
  }

  const Node& node_;
  Merge merge_;
  std::vector<tensor::Layout> srcs_;
  tensor::Layout dst_;
  std::int64_t outer_ = 1;
};

std::unique_ptr<LayerSteps> Concat::lower(const Group& group) const {
  return std::make_unique<ConcatSteps>(group, merge_);
}

// --- scaled gradients

class ScaledGradient final : public UnaryLayer {
 public:
  explicit ScaledGradient(double alpha) : alpha_(alpha) {}
  Sight sight(std::size_t) const override { return Sight::itself; }

  std::optional<std::string> given_name() const override { return {}; }
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  double operations(const tensor::Shape&) const override { return 0; }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override { return {nodes.in()}; }
  void reference_forward(Reference& r) const override { r.dst() = r.src(); }
  void reference_backward(Reference& r) const override {
    for (std::size_t i = 0; i < r.diff_dst().size(); ++i) r.diff_src()[i] = alpha_ * r.diff_dst()[i];
  }

 private:
  double alpha_;
};

class ScaledGradientSteps final : public UnarySteps {
 public:
  ScaledGradientSteps(const Group& group, double alpha) : name_(group.node->name), alpha_(alpha) {}
  Value forward(Lowering&, const Value& src) override { return src; }
  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    if (!wants_diff_src) return {};
    const Value dx = lowering.value(diff_dst.layout);
    lowering.may_replace(diff_dst, dx);
    lowering.add(name_ + " backward", tensor::scaled(diff_dst.layout, static_cast<float>(alpha_)),
                 {{Slot::src, diff_dst.buffer}, {Slot::dst, dx.buffer}});
    return dx;
  }

 private:
  std::string name_;
  double alpha_;
};

std::unique_ptr<LayerSteps> ScaledGradient::lower(const Group& group) const {
  return std::make_unique<ScaledGradientSteps>(group, alpha_);
}

}  // namespace

std::vector<int> merge_sum(GraphBuilder& builder, const std::string& type, const std::optional<std::string>& name,
                           const std::vector<int>& in) {
  return builder.place(std::make_shared<Sum>(), type, name, in);
}

std::vector<int> merge_concat(GraphBuilder& builder, const std::string& type, const std::optional<std::string>& name,
                              const std::vector<int>& in, Merge merge) {
  return builder.place(std::make_shared<Concat>(merge), type, name, in);
}

std::vector<int> scale_gradients(GraphBuilder& builder, const std::vector<int>& in, double alpha) {
  std::vector<int> out;
  for (const int edge : in)
    out.push_back(builder.place(std::make_shared<ScaledGradient>(alpha), "ScaledGradient", {}, {edge})[0]);
  return out;
}

}  // namespace neon
