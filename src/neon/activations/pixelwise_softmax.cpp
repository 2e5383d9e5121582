#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "neon/lowering/lowering.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

class PixelwiseSoftmax final : public Transform {
 public:
  struct Config {
    std::int64_t c = 0;
    std::optional<std::string> name;
    double epsilon = 0x1p-23;
    static constexpr auto fields() {
      return std::tuple(base::field("c", &Config::c, "classes: feature maps").required().positive(),
                        base::field("name", &Config::name, "a name; for reading only"),
                        base::field("epsilon", &Config::epsilon, "unused; accepted because model files give it"));
    }
  };
  explicit PixelwiseSoftmax(const Config& config) : classes_(config.c) {}

  static std::vector<std::string_view> cases() { return {R"({"c": 2})"}; }

  bool is_element_wise() const override { return false; }
  void check(const tensor::Shape& in) const override {
    if ((in.size() == 2 ? in[0] : tensor::element_count(in)) % classes_ != 0)  // of a sequence each step is for itself
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("inputs of {} cannot be seen as {} classes of equally many numbers; c must be the "
                                    "number of feature maps",
                                    tensor::text(in), classes_));
  }

  Value forward(Lowering& lowering, const Value& src, const std::string& name) const override {
    const tensor::Shape& shape = src.layout.shape();
    const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, shape);
    const Value maps = lowering.in_layout(src, plain, name + " input in plain order").reshaped(maps_of(shape));
    const Value dst = lowering.value(maps.layout);
    lowering.may_replace(maps, dst);
    lowering.add(name + " forward", tensor::channel_softmax_forward(maps.layout),
                 {{tensor::Slot::src, maps.buffer}, {tensor::Slot::dst, dst.buffer}});
    return dst.reshaped(shape);
  }

  Value backward(Lowering& lowering, const Value& y, const Value& diff_dst, const std::string& name) const override {
    const Value dy = lowering.in_layout(diff_dst, y.layout, name + " error in plain order");
    const Value dx = lowering.value(y.layout);
    lowering.may_replace(dy, dx);
    lowering.add(
        name + " derivative", tensor::channel_softmax_backward(y.layout.reshaped(maps_of(y.layout.shape()))),
        {{tensor::Slot::dst, y.buffer}, {tensor::Slot::diff_dst, dy.buffer}, {tensor::Slot::diff_src, dx.buffer}});
    return dx;
  }

  std::string onnx(OnnxNodes& nodes, const std::string& x) const override {
    const tensor::Shape& in = nodes.node().in();
    tensor::Shape seen{classes_, -1};
    if (in.size() == 2) seen.push_back(in[1]);  // of a sequence each step is for itself
    const std::string y = nodes.add("Softmax", {nodes.shaped(x, seen)}, {{"axis", std::int64_t{1}}});
    return nodes.shaped(y, in);
  }
  void reference_forward(std::span<double> row) const override {
    const std::size_t pixels = pixels_of(row);
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      double highest = row[pixel], sum = 0;
      for (std::size_t i = pixel; i < row.size(); i += pixels) highest = std::max(highest, row[i]);
      for (std::size_t i = pixel; i < row.size(); i += pixels) sum += row[i] = std::exp(row[i] - highest);
      for (std::size_t i = pixel; i < row.size(); i += pixels) row[i] /= sum;
    }
  }
  void reference_backward(std::span<const double>, std::span<const double> y, std::span<double> dy) const override {
    const std::size_t pixels = pixels_of(y);
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      double sum = 0;
      for (std::size_t i = pixel; i < y.size(); i += pixels) sum += dy[i] * y[i];
      for (std::size_t i = pixel; i < y.size(); i += pixels) dy[i] = y[i] * (dy[i] - sum);
    }
  }

 private:
  tensor::Shape maps_of(const tensor::Shape& shape) const {
    return {shape[0], classes_, tensor::element_count(shape) / shape[0] / classes_};
  }
  std::size_t pixels_of(std::span<const double> row) const { return row.size() / static_cast<std::size_t>(classes_); }

  std::int64_t classes_;
};

const OnShelf<Transform, PixelwiseSoftmax> registered(
    "PixelwiseSoftmax", "a softmax over the feature maps, at each pixel for itself",
    R"((c, h, w): over c. In general what comes in is seen as (c, everything else). neon takes its derivative as 1; here it is the
true one, so any cost may follow.)");

}  // namespace
}  // namespace neon
