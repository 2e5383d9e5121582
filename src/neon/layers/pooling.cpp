#include "base/error.h"
#include "neon/layers/window_grammar.h"
#include "neon/layers/window_onnx.h"
#include "neon/lowering/channel_order.h"
#include "neon/lowering/unary_steps.h"

namespace neon {
namespace {

using tensor::Pool;
using tensor::Sliding;
using tensor::Slot;
using tensor::Volume;

class Pooling final : public UnaryLayer {
 public:
  struct Config {
    PoolingShape fshape;
    Pool op = Pool::max;
    Strides strides;
    Padding padding;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("fshape", &Config::fshape, "window: a number, a mapping or 'all'").required(),
                        base::field("op", &Config::op, "what is taken of a window"),
                        base::field("strides", &Config::strides, "steps of the window; by default its size"),
                        base::field("padding", &Config::padding, "extent around the input that does not count"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Pooling(const Config& config) : config_(config) {
    const PerDimension& p = config.padding.extent;
    const PerDimension& w = config.fshape.window;
    if (!config.fshape.all && (p.d >= w.d || p.h >= w.h || p.w >= w.w))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("padding {}x{} must be smaller than the pooling window {}x{}", p.h, p.w, w.h, w.w));
  }

  std::optional<std::string> given_name() const override { return config_.name; }

  tensor::Shape out_shape(const tensor::Shape& in) const override {
    const Volume volume = Volume::of(in, "pooling");
    const Sliding window = sliding(volume);
    const PerDimension out = window.over(volume);
    if (window.window.d * window.window.h * window.window.w > 65535)
      throw base::Error(base::Code::invalid_argument, "a pooling window may have 65535 positions at most");
    if (in.size() == 3) return {in[0], out.h, out.w};
    return {in[0], out.d, out.h, out.w};
  }

  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const tensor::Shape& in = nodes.node().in();
    return {nodes.add(config_.op == Pool::max ? "MaxPool" : "AveragePool", {nodes.in()},
                      onnx_window(sliding(Volume::of(in, "pooling")), in))};
  }

  void reference_forward(Reference& r) const override {
    for_each_map(r, [&](const Sliding& s, const Volume& in, const Volume& out, std::size_t src, std::size_t dst) {
      const auto taken = takers(r, s, in, out, src);
      for (std::size_t o = 0; o < taken.size(); ++o) {
        double sum = 0;
        for (const std::size_t i : taken[o]) sum += r.src()[src + i];
        r.dst()[dst + o] = sum / static_cast<double>(taken[o].size());
      }
    });
  }
  void reference_backward(Reference& r) const override {
    for_each_map(r, [&](const Sliding& s, const Volume& in, const Volume& out, std::size_t src, std::size_t dst) {
      const auto taken = takers(r, s, in, out, src);
      for (std::size_t o = 0; o < taken.size(); ++o)
        for (const std::size_t i : taken[o])
          r.diff_src()[src + i] += r.diff_dst()[dst + o] / static_cast<double>(taken[o].size());
    });
  }

  static std::vector<LayerCase> cases() {
    return {{R"({"fshape": 2})", {8, 6, 6}},
            {R"({"fshape": 3, "strides": 2})", {3, 8, 7}},
            {R"({"fshape": 3, "strides": 2, "padding": 1, "op": "avg"})", {5, 7, 7}},
            {R"({"fshape": "all", "op": "avg"})", {10, 4, 5}},
            {R"({"fshape": {"R": 3, "S": 1}, "strides": 1})", {16, 5, 4}},
            {R"({"fshape": {"T": 2, "R": 2, "S": 2}, "op": "max"})", {4, 4, 4, 4}}};
  }

 private:
  Sliding sliding(const Volume& in) const {
    const PerDimension w = config_.fshape.all ? PerDimension{1, in.extent.h, in.extent.w} : config_.fshape.window;
    return {w,
            {config_.strides.d.value_or(w.d), config_.strides.h.value_or(w.h), config_.strides.w.value_or(w.w)},
            config_.padding.extent,
            {}};
  }

  /// For each output of one map, the inputs that share it: all of the window for avg, the first largest for max.
  std::vector<std::vector<std::size_t>> takers(const Reference& r, const Sliding& s, const Volume& in,
                                               const Volume& out, std::size_t src) const {
    std::vector<std::vector<std::size_t>> taken(static_cast<std::size_t>(out.positions()));
    s.for_each(in.extent, out.extent, [&](std::int64_t o, std::int64_t i, std::int64_t) {
      auto& list = taken[static_cast<std::size_t>(o)];
      const auto index = static_cast<std::size_t>(i);
      if (config_.op == Pool::avg || list.empty())
        list.push_back(index);
      else if (r.src()[src + index] > r.src()[src + list[0]])
        list[0] = index;
    });
    return taken;
  }

  template <class Visit>
  void for_each_map(const Reference& r, Visit&& visit) const {
    const Volume in = Volume::of(r.in(), "pooling"), out = Volume::of(r.out(), "pooling");
    for (std::int64_t map = 0; map < r.n * in.c; ++map)
      visit(sliding(in), in, out, static_cast<std::size_t>(map * in.positions()),
            static_cast<std::size_t>(map * out.positions()));
  }

  Config config_;
};

class Steps final : public UnarySteps {
 public:
  Steps(const Node& node, const tensor::Sliding& window, tensor::Pool pool)
      : node_(node), window_(window), pool_(pool) {}

  Value forward(Lowering& lowering, const Value& src) override {
    const Value x = in_channel_order(lowering, src, node_.name);
    tensor::Shape out{lowering.batch_size()};
    out.insert(out.end(), node_.out().begin(), node_.out().end());
    const tensor::Kernel kernel = tensor::pooling_forward(x.layout, out, window_, pool_, lowering.training());
    src_ = x.layout;
    dst_ = kernel->layout(Slot::dst);
    const Value y = lowering.value(dst_);
    if (kernel->arguments().back().slot == Slot::workspace) taken_ = lowering.workspace(kernel);
    lowering.add(node_.name + " forward", kernel,
                 {{Slot::src, x.buffer}, {Slot::dst, y.buffer}, {Slot::workspace, taken_}});
    return y;
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    if (!wants_diff_src) return {};
    const Value dy = lowering.in_layout(diff_dst, dst_, node_.name + " error in another order");
    const Value dx = lowering.value(src_);
    lowering.add(node_.name + " backward", tensor::pooling_backward(src_, dst_, window_, pool_),
                 {{Slot::diff_dst, dy.buffer}, {Slot::diff_src, dx.buffer}, {Slot::workspace, taken_}});
    return dx;
  }

 private:
  const Node& node_;
  tensor::Sliding window_;
  tensor::Pool pool_;
  tensor::Layout src_, dst_;
  int taken_ = -1;
};

std::unique_ptr<LayerSteps> Pooling::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, sliding(tensor::Volume::of(group.node->in(), "pooling")), config_.op);
}

const OnShelf<GraphPart, Pooling> registered(
    "Pooling", "the largest or the average of each window",
    R"((c, h, w) → (c, oh, ow), with oh = ⌊(h + 2·padding − R) / stride⌋ + 1: what does not fill a window is left out, and padding does not count.
`fshape` is a number, `{R: 3, S: 2}` or `all` (the whole height and width).)",
    {{"MaxPool2d", "write Pooling with fshape: 2, or what the window is"},
     {"MaxPooling2D", "write Pooling with fshape: 2, or what the window is"},
     {"MaxPool", "write Pooling with fshape: 2, or what the window is"},
     {"AvgPool2d", "write Pooling with fshape: 2 and op: avg"},
     {"AveragePooling2D", "write Pooling with fshape: 2 and op: avg"},
     {"GlobalAveragePooling2D", "write Pooling with fshape: [height, width] of its input and op: avg"}});

}  // namespace
}  // namespace neon
