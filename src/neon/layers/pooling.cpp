#include <cmath>

#include "base/error.h"
#include "neon/layers/window_grammar.h"
#include "neon/layers/window_onnx.h"
#include "neon/lowering/channel_order.h"
#include "neon/lowering/unary_steps.h"
#include "tensor/batch.h"
#include "tensor/map_pooling.h"

namespace neon {
namespace {

using tensor::Sliding;
using tensor::Slot;
using tensor::Volume;
using tensor::WindowPool;

class Pooling final : public UnaryLayer {
 public:
  struct Config {
    PoolingShape fshape;
    WindowPool op = WindowPool::max;
    PoolingStrides strides;
    PoolingPadding padding;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("fshape", &Config::fshape, "window: a number, a list, a mapping or 'all'").required(),
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
    if (config.padding.c >= config.fshape.maps)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("padding over feature maps, pad_c {}, must be smaller than the window, J {}",
                                    config.padding.c, config.fshape.maps));
  }

  std::optional<std::string> given_name() const override { return config_.name; }

  tensor::Shape out_shape(const tensor::Shape& in) const override {
    const Volume volume = Volume::of(in, "pooling");
    const Sliding window = sliding(volume);
    const PerDimension out = window.over(volume);
    if (window.window.d * window.window.h * window.window.w > 65535)
      throw base::Error(base::Code::invalid_argument, "a pooling window may have 65535 positions at most");
    const std::int64_t maps = maps_of(in[0]);
    if (in.size() == 3) return {maps, out.h, out.w};
    return {maps, out.d, out.h, out.w};
  }

  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const auto pooled = [&](const std::string& x, std::map<std::string, OnnxAttribute> window) {
      if (config_.op == WindowPool::l2) window["p"] = std::int64_t{2};
      return nodes.add(config_.op == WindowPool::max   ? "MaxPool"
                       : config_.op == WindowPool::avg ? "AveragePool"
                                                       : "LpPool",
                       {x}, std::move(window));
    };
    // Over feature maps first: what a window holds is a product of maps and places.
    tensor::Shape in = nodes.node().in();
    std::string x = nodes.in();
    const std::int64_t maps = maps_of(in[0]);
    if (const tensor::Sliding over = over_maps(); over.window.h > 1 || maps != in[0]) {
      const tensor::Shape columns{1, in[0], tensor::element_count(in) / in[0]};
      x = pooled(nodes.shaped(x, columns), onnx_window(over, columns));
      in[0] = maps;
      x = nodes.shaped(x, in);
    }
    return {pooled(x, onnx_window(sliding(Volume::of(in, "pooling")), in))};
  }

  void reference_forward(Reference& r) const override {
    for_each_output(r, [&](std::size_t o, const std::vector<std::size_t>& taken) {
      double sum = 0;
      for (const std::size_t i : taken) sum += config_.op == WindowPool::l2 ? r.src()[i] * r.src()[i] : r.src()[i];
      r.dst()[o] = config_.op == WindowPool::l2 ? std::sqrt(sum) : sum / static_cast<double>(taken.size());
    });
  }
  void reference_backward(Reference& r) const override {
    for_each_output(r, [&](std::size_t o, const std::vector<std::size_t>& taken) {
      for (const std::size_t i : taken)
        if (config_.op != WindowPool::l2)
          r.diff_src()[i] += r.diff_dst()[o] / static_cast<double>(taken.size());
        else if (r.dst()[o] > 0)
          r.diff_src()[i] += r.diff_dst()[o] * r.src()[i] / r.dst()[o];
    });
  }

  static std::vector<LayerCase> cases() {
    return {{R"({"fshape": 2})", {8, 6, 6}},
            {R"({"fshape": 3, "strides": 2})", {3, 8, 7}},
            {R"({"fshape": 3, "strides": 2, "padding": 1, "op": "avg"})", {5, 7, 7}},
            {R"({"fshape": "all", "op": "avg"})", {10, 4, 5}},
            {R"({"fshape": {"R": 3, "S": 1}, "strides": 1})", {16, 5, 4}},
            {R"({"fshape": {"T": 2, "R": 2, "S": 2}, "op": "max"})", {4, 4, 4, 4}},
            {R"({"fshape": "all", "op": "avg"})", {4, 3, 2, 5}},
            {R"({"fshape": {"T": 3, "R": 2, "S": 1}, "op": "avg", "strides": {"str_d": 2, "str_h": 1, "str_w": 3},
                 "padding": {"pad_d": 1, "pad_h": 1}})",
             {16, 5, 4, 4}},
            {R"({"fshape": {"T": 3, "R": 2, "S": 2}, "strides": {"str_d": 1}, "padding": {"pad_d": 2}})", {3, 4, 4, 5}},
            {R"({"fshape": [1, 4], "strides": {"str_w": 2}, "padding": {"pad_w": 1}})", {6, 1, 11}},
            {R"({"fshape": [2, 3], "op": "l2"})", {8, 4, 6}},
            {R"({"fshape": 3, "op": "l2", "strides": 2, "padding": 1})", {5, 5, 6}},
            {R"({"fshape": {"J": 2}})", {6, 3, 2}},
            {R"({"fshape": {"J": 3, "R": 2, "S": 2}, "op": "avg", "strides": {"str_c": 2, "str_h": 1},
                 "padding": {"pad_c": 1, "pad_w": 1}})",
             {5, 4, 5}},
            {R"({"fshape": {"J": 3, "T": 2, "R": 2}, "op": "l2", "strides": {"str_c": 1}})", {4, 3, 4, 2}}};
  }

 private:
  Sliding sliding(const Volume& in) const {
    const PerDimension w = config_.fshape.all ? PerDimension{1, in.extent.h, in.extent.w} : config_.fshape.window;
    return {w,
            {config_.strides.along.d.value_or(w.d), config_.strides.along.h.value_or(w.h),
             config_.strides.along.w.value_or(w.w)},
            config_.padding.extent,
            {}};
  }

  /// The window over feature maps slides like one in height.
  tensor::Sliding over_maps() const {
    tensor::Sliding over;
    over.window.h = config_.fshape.maps;
    over.strides.h = config_.strides.c.value_or(config_.fshape.maps);
    over.padding.h = config_.padding.c;
    return over;
  }
  std::int64_t maps_of(std::int64_t c) const { return over_maps().over({1, {1, c, 1}}).h; }

  /// visit(output, inputs that share it): all under the window, or the first largest for max.
  template <class Visit>
  void for_each_output(const Reference& r, const Visit& visit) const {
    const Volume in = Volume::of(r.in(), "pooling"), out = Volume::of(r.out(), "pooling");
    const Sliding window = sliding(in);
    const std::int64_t stride = config_.strides.c.value_or(config_.fshape.maps);
    for (std::int64_t n = 0; n < r.n; ++n)
      for (std::int64_t k = 0; k < out.c; ++k) {
        std::vector<std::vector<std::size_t>> taken(static_cast<std::size_t>(out.positions()));
        for (std::int64_t j = 0; j < config_.fshape.maps; ++j) {
          const std::int64_t c = k * stride - config_.padding.c + j;
          if (c < 0 || c >= in.c) continue;
          window.for_each(in.extent, out.extent, [&](std::int64_t o, std::int64_t i, std::int64_t) {
            auto& list = taken[static_cast<std::size_t>(o)];
            const auto place = static_cast<std::size_t>((n * in.c + c) * in.positions() + i);
            if (config_.op != WindowPool::max || list.empty())
              list.push_back(place);
            else if (r.src()[place] > r.src()[list[0]])
              list[0] = place;
          });
        }
        for (std::size_t o = 0; o < taken.size(); ++o)
          visit(static_cast<std::size_t>((n * out.c + k) * out.positions()) + o, taken[o]);
      }
  }

  Config config_;
};

class Steps final : public UnarySteps {
 public:
  Steps(const Node& node, const tensor::MapWindow& window, WindowPool pool)
      : node_(node), window_(window), pool_(pool) {}

  Value forward(Lowering& lowering, const Value& src) override {
    const tensor::Shape out = tensor::with_rows(lowering.batch_size(), node_.out());
    const tensor::Kernel kernel = forward_kernel(lowering, src, out);
    y_ = lowering.value(kernel->layout(Slot::dst));
    if (kernel->arguments().back().slot == Slot::workspace) taken_ = lowering.workspace(kernel);
    lowering.add(node_.name + " forward", kernel,
                 {{Slot::src, x_.buffer}, {Slot::dst, y_.buffer}, {Slot::workspace, taken_}});
    return y_;
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool wants_diff_src) override {
    if (!wants_diff_src) return {};
    const Value dy = lowering.in_layout(diff_dst, y_.layout, node_.name + " error in another order");
    const Value dx = lowering.value(x_.layout);
    const tensor::Kernel kernel =
        is_general() ? tensor::map_pooling_backward(x_.layout.shape(), y_.layout.shape(), window_, pool_)
                     : tensor::pooling_backward(x_.layout, y_.layout, window_.sliding, pool_of_a_map());
    std::vector<std::pair<Slot, int>> buffers{
        {Slot::diff_dst, dy.buffer}, {Slot::diff_src, dx.buffer}, {Slot::workspace, taken_}};
    if (pool_ == WindowPool::l2) buffers.insert(buffers.end(), {{Slot::src, x_.buffer}, {Slot::dst, y_.buffer}});
    lowering.add(node_.name + " backward", kernel, buffers);
    return dx;
  }

 private:
  /// What the loops for the usual pooling layers do not know.
  bool is_general() const { return window_.maps > 1 || window_.stride > 1 || pool_ == WindowPool::l2; }
  tensor::Pool pool_of_a_map() const { return pool_ == WindowPool::max ? tensor::Pool::max : tensor::Pool::avg; }

  /// Its source is left in x_.
  tensor::Kernel forward_kernel(Lowering& lowering, const Value& src, const tensor::Shape& out) {
    if (!is_general()) {
      x_ = in_channel_order(lowering, src, node_.name);
      return tensor::pooling_forward(x_.layout, out, window_.sliding, pool_of_a_map(), lowering.training());
    }
    const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, src.layout.shape());
    x_ = lowering.in_layout(src, plain, node_.name + " input in plain order");
    return tensor::map_pooling_forward(plain.shape(), out, window_, pool_, lowering.training());
  }

  const Node& node_;
  tensor::MapWindow window_;
  WindowPool pool_;
  Value x_, y_;
  int taken_ = -1;
};

std::unique_ptr<LayerSteps> Pooling::lower(const Group& group) const {
  const std::int64_t maps = config_.fshape.maps;
  return std::make_unique<Steps>(*group.node,
                                 tensor::MapWindow{sliding(tensor::Volume::of(group.node->in(), "pooling")), maps,
                                                   config_.strides.c.value_or(maps), config_.padding.c},
                                 config_.op);
}

const OnShelf<GraphPart, Pooling> registered(
    "Pooling", "the largest, the average or the l2 norm of each window",
    R"((c, h, w) → (c, oh, ow), with oh = ⌊(h + 2·padding − R) / stride⌋ + 1: what does not fill a window is left out, and padding does not count.
`fshape` is a number, `[R, S]`, `[T, R, S]`, `{R: 3, S: 2}` or `all` (the whole height and width); neon takes no lists, only tuples. The
key `J`, with `str_c` and `pad_c` among strides and padding, goes over feature maps: with `{J: 2}` each two neighbours become one. `l2`
is the root of the sum of squares, of which neon has no way back; its derivative at 0 counts as 0.)",
    {{"MaxPool2d", "write Pooling with fshape: 2, or what the window is"},
     {"MaxPooling2D", "write Pooling with fshape: 2, or what the window is"},
     {"MaxPool", "write Pooling with fshape: 2, or what the window is"},
     {"AvgPool2d", "write Pooling with fshape: 2 and op: avg"},
     {"AveragePooling2D", "write Pooling with fshape: 2 and op: avg"},
     {"GlobalAveragePooling2D", "write Pooling with fshape: [height, width] of its input and op: avg"}});

}  // namespace
}  // namespace neon
