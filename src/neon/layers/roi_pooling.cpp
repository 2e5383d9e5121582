#include "tensor/roi_pooling.h"

#include "base/error.h"
#include "neon/lowering/lowering.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

using tensor::Slot;

class RoiPooling final : public Layer {
 public:
  struct Config {
    std::vector<std::int64_t> HW{7, 7};
    bool bprop_enabled = true;
    double spatial_scale = 0.0625;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(
          base::field("HW", &Config::HW, "height and width of what a region becomes"),
          base::field("bprop_enabled", &Config::bprop_enabled, "whether errors flow back into the maps"),
          base::field("spatial_scale", &Config::spatial_scale, "cells of the maps per pixel of the image").positive(),
          base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit RoiPooling(const Config& config) : config_(config) {
    const auto fits = [](std::int64_t extent) { return extent >= 1 && extent <= 1024; };
    if (config.HW.size() != 2 || !fits(config.HW[0]) || !fits(config.HW[1]))
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("HW must be [height, width], each from 1 to 1024, got [{}]", fmt::join(config.HW, ", ")));
  }

  std::optional<std::string> given_name() const override { return config_.name; }

  std::vector<TensorSpec> infer(std::span<const TensorSpec> in) const override {
    const auto is_number = [](const TensorSpec& spec) { return spec.dtype == tensor::Dtype::f32; };
    if (in.size() != 2 || in[0].shape.size() != 3 || in[1].shape.size() != 2 || in[1].shape[1] != 5 ||
        !is_number(in[0]) || !is_number(in[1])) {
      std::string got;
      for (const TensorSpec& spec : in) got += (got.empty() ? "" : " and ") + tensor::text(spec.shape);
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("it takes feature maps (c, h, w) and regions (number of them, 5), got {}", got));
    }
    return {TensorSpec{{in[0].shape[0] * config_.HW[0] * config_.HW[1], in[1].shape[0]}}};
  }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const std::int64_t regions = nodes.node().ins[1].shape[0], maps = nodes.node().ins[0].shape[0];
    // The operator wants all regions in one list, each with the number of its example in the place of the one that
    // nobody reads.
    const auto slice = [&](const std::string& x, std::int64_t axis, std::int64_t begin, std::int64_t end) {
      const auto list = [&](const char* name, std::int64_t i) { return nodes.constant(name, {i}); };
      return nodes.add("Slice", {x, list("begin", begin), list("end", end), list("axis", axis)});
    };
    const auto whole = [&](const char* name, std::int64_t i) {
      return nodes.add("Squeeze", {nodes.constant(name, {i})});
    };
    const std::string batch = nodes.add("Squeeze", {slice(nodes.add("Shape", {nodes.in()}), 0, 0, 1)});
    const std::string numbers =
        nodes.add("Cast", {nodes.add("Range", {whole("zero", 0), batch, whole("one", 1)})}, {{"to", std::int64_t{1}}});
    const std::string spread = nodes.add(
        "Mul", {nodes.add("Reshape", {numbers, nodes.constant("column", {-1, 1, 1})}),
                nodes.constant("ones", {1, regions, 1}, std::vector<float>(static_cast<std::size_t>(regions), 1))});
    const std::string rows = nodes.add("Concat", {spread, slice(nodes.ins()[1], 2, 1, 5)}, {{"axis", std::int64_t{2}}});
    const std::string pooled =
        nodes.add("MaxRoiPool", {nodes.in(), nodes.add("Reshape", {rows, nodes.constant("rows", {-1, 5})})},
                  {{"pooled_shape", config_.HW}, {"spatial_scale", static_cast<float>(config_.spatial_scale)}});
    const std::string by_example =
        nodes.add("Reshape", {pooled, nodes.constant("shape", {-1, regions, maps * config_.HW[0] * config_.HW[1]})});
    return {nodes.transposed(by_example, {0, 2, 1})};
  }

  void reference_forward(Reference& r) const override {
    for_each(r, [&](std::size_t o, std::int64_t taken) {
      r.dst()[o] = taken < 0 ? 0 : r.src()[static_cast<std::size_t>(taken)];
    });
  }
  void reference_backward(Reference& r) const override {
    if (!config_.bprop_enabled) return;
    for_each(r, [&](std::size_t o, std::int64_t taken) {
      if (taken >= 0) r.diff_src()[static_cast<std::size_t>(taken)] += r.diff_dst()[o];
    });
  }
  static std::vector<LayerCase> cases() {
    return {{R"({"HW": [2, 3], "spatial_scale": 4})", {3, 7, 6}, {{{4, 5}}}},
            {R"({"HW": [3, 3], "spatial_scale": 2, "bprop_enabled": false})", {2, 5, 5}, {{{3, 5}}}, false},
            {R"({"spatial_scale": 6.5})", {16, 10, 9}, {{{2, 5}}}}};
  }

  tensor::RegionPooling pooling(std::int64_t n, std::span<const TensorSpec> in) const {
    const tensor::Shape& maps = in[0].shape;
    return {n, maps[0], maps[1], maps[2], in[1].shape[0], config_.HW[0], config_.HW[1], config_.spatial_scale};
  }
  bool passes_errors() const { return config_.bprop_enabled; }

 private:
  /// visit(output, the place in the maps that it is taken from, or -1).
  template <class Visit>
  void for_each(const Reference& r, const Visit& visit) const {
    const tensor::RegionPooling p = pooling(r.n, r.ins);
    for (std::int64_t o = 0; o < p.n * p.c * p.bins() * p.regions; ++o) {
      const std::int64_t region = o % p.regions, bin = o / p.regions % p.bins(), map = o / p.regions / p.bins();
      const double* corners = &r.srcs[1][static_cast<std::size_t>((map / p.c * p.regions + region) * 5 + 1)];
      const tensor::Cells cells = tensor::cells_of(p, {corners[0], corners[1], corners[2], corners[3]}, bin);
      std::int64_t taken = -1;
      for (std::int64_t y = cells.y_begin; y < cells.y_end; ++y)
        for (std::int64_t x = cells.x_begin; x < cells.x_end; ++x) {
          const std::int64_t i = (map * p.h + y) * p.w + x;
          if (taken < 0 || r.src()[static_cast<std::size_t>(i)] > r.src()[static_cast<std::size_t>(taken)]) taken = i;
        }
      visit(static_cast<std::size_t>(o), taken);
    }
  }
  Config config_;
};

class Steps final : public LayerSteps {
 public:
  Steps(const Node& node, const RoiPooling& layer) : node_(node), layer_(layer) {}

  std::vector<Value> forward(Lowering& lowering, std::span<const Value> srcs) override {
    const auto in_plain_order = [&](const Value& value, const char* what) {
      return lowering.in_layout(value, tensor::Layout::row_major(tensor::Dtype::f32, value.layout.shape()),
                                fmt::format("{} {} in plain order", node_.name, what));
    };
    const Value maps = in_plain_order(srcs[0], "maps"), regions = in_plain_order(srcs[1], "regions");
    how_ = layer_.pooling(lowering.batch_size(), node_.ins);
    const tensor::Kernel kernel = tensor::region_pooling_forward(how_);
    taken_ = lowering.workspace(kernel);
    const Value dst = lowering.value(kernel->layout(Slot::dst));
    lowering.add(
        node_.name + " forward", kernel,
        {{Slot::src, maps.buffer}, {Slot::src, regions.buffer}, {Slot::dst, dst.buffer}, {Slot::workspace, taken_}});
    return {dst};
  }

  std::vector<Value> backward(Lowering& lowering, std::span<const Value> diff_dsts,
                              const std::vector<bool>& wanted) override {
    if (!wanted[0] || !layer_.passes_errors()) return {{}, {}};
    const tensor::Kernel kernel = tensor::region_pooling_backward(how_);
    const Value dy =
        lowering.in_layout(diff_dsts[0], kernel->layout(Slot::diff_dst), node_.name + " error in another order");
    const Value dx = lowering.value(kernel->layout(Slot::diff_src));
    lowering.add(node_.name + " backward", kernel,
                 {{Slot::diff_dst, dy.buffer}, {Slot::workspace, taken_}, {Slot::diff_src, dx.buffer}});
    return {dx, {}};
  }

 private:
  const Node& node_;
  const RoiPooling& layer_;
  tensor::RegionPooling how_;
  int taken_ = -1;
};

std::unique_ptr<LayerSteps> RoiPooling::lower(const Group& group) const {
  return std::make_unique<Steps>(*group.node, *this);
}

const OnShelf<GraphPart, RoiPooling> registered(
    "RoiPooling", "the largest number of each bin of each region",
    R"(Two inputs, feature maps (c, h, w) and regions (R, 5), give (c·H·W, R): the regions stand where time steps stand, so that an `Affine`
behind it treats each alike. A region is five numbers: one that does not count, then xmin, ymin, xmax, ymax in pixels of the image.
Times `spatial_scale` they are rounded to cells, both corners inside; the region is cut into H×W bins that overlap where they do not
divide it, and each gives its largest number, or 0 where it lies outside of the maps. Nothing flows back into the regions, and with
`bprop_enabled: false` nothing into the maps.

neon takes the regions of a whole batch in one list, (5, n), whose first numbers say which image each belongs to. Here each record
brings its own, always as many; fill up with regions of zeros. Source: Girshick 2015.)",
    {{"RoIPool", "write RoiPooling with HW: [height, width]"}});

}  // namespace
}  // namespace neon
