#include <algorithm>

#include "base/error.h"
#include "neon/lowering/unary_steps.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

/// [0, -1] or a single number.
struct Extents {
  std::vector<std::int64_t> extents;

  static Extents from_json(const base::json::value& value, std::string_view where) {
    Extents result;
    if (value.is_array())
      result.extents = base::decode<std::vector<std::int64_t>>(value, where);
    else
      result.extents.push_back(base::decode<std::int64_t>(value, where));
    const auto refuse = [&](std::string message) {
      throw base::Error(base::Code::invalid_argument, std::move(message), std::string(where));
    };
    if (result.extents.empty()) refuse("reshape is empty; expected the extents that come out, such as [3, 8, 8]");
    for (const std::int64_t extent : result.extents)
      if (extent < -1) refuse(fmt::format("extents must be positive, 0 or -1, got {}", extent));
    if (std::count(result.extents.begin(), result.extents.end(), -1) > 1)
      refuse("only one extent can be -1, which is worked out from the others");
    return result;
  }
  base::json::value to_json() const { return base::encode(extents); }
  static base::json::object schema() {
    const base::json::object number{{"type", "integer"}, {"minimum", -1}};
    return {{"anyOf", base::json::array{number, base::json::object{{"type", "array"}, {"items", number}}}}};
  }
};

class Reshape final : public UnaryLayer {
 public:
  struct Config {
    Extents reshape;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("reshape", &Config::reshape,
                                    "the extents that come out: 0 is that of the input in the same place, one may be "
                                    "-1 and is worked out")
                            .required(),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Reshape(const Config& config) : config_(config) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  double operations(const tensor::Shape&) const override { return 0; }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    return {nodes.shaped(nodes.in(), nodes.node().out())};
  }

  tensor::Shape out_shape(const tensor::Shape& in) const override {
    tensor::Shape out = config_.reshape.extents;
    const std::int64_t count = tensor::element_count(in);
    std::int64_t known = 1;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i] == 0 && i >= in.size())
        throw base::Error(
            base::Code::invalid_argument,
            fmt::format("extent {} of reshape is 0, that of the input, but inputs are {}", i, tensor::text(in)));
      if (out[i] == 0) out[i] = in[i];
      if (out[i] > count) refuse(in, count);  // before a product that could pass every limit
      if (out[i] > 0) known *= out[i];
      if (known > count) refuse(in, count);
    }
    for (std::int64_t& extent : out)
      if (extent == -1) extent = count / known * (count % known == 0 ? 1 : 0);
    if (std::find(out.begin(), out.end(), 0) != out.end() || tensor::element_count(out) != count) refuse(in, count);
    return out;
  }

  void reference_forward(Reference& r) const override { r.dst() = r.src(); }
  void reference_backward(Reference& r) const override { r.diff_src() = r.diff_dst(); }

  static std::vector<LayerCase> cases() {
    return {{R"({"reshape": [2, 3, 2]})", {12}},
            {R"({"reshape": [0, -1]})", {4, 3, 2}},
            {R"({"reshape": -1})", {4, 3, 2}},
            {R"({"reshape": [3, 0]})", {3, 5}}};
  }

 private:
  [[noreturn]] void refuse(const tensor::Shape& in, std::int64_t count) const {
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("inputs of {} are {} numbers, which do not fit into {}", tensor::text(in), count,
                                  tensor::text(config_.reshape.extents)));
  }
  Config config_;
};

/// No step: the same bytes, seen in another way.
class Steps final : public UnarySteps {
 public:
  explicit Steps(const Node& node) : node_(node) {}

  Value forward(Lowering& lowering, const Value& src) override { return seen_as(lowering, src, node_.out(), "input"); }
  Value backward(Lowering& lowering, const Value& diff_dst, bool) override {
    return seen_as(lowering, diff_dst, node_.in(), "error");
  }

 private:
  Value seen_as(Lowering& lowering, const Value& value, const tensor::Shape& sample, std::string_view what) const {
    const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, value.layout.shape());
    tensor::Shape shape{lowering.batch_size()};
    shape.insert(shape.end(), sample.begin(), sample.end());
    return lowering.in_layout(value, plain, fmt::format("{} {} in plain order", node_.name, what)).reshaped(shape);
  }

  const Node& node_;
};

std::unique_ptr<LayerSteps> Reshape::lower(const Group& group) const { return std::make_unique<Steps>(*group.node); }

const OnShelf<GraphPart, Reshape> registered(
    "Reshape", "the same numbers under another shape",
    R"(The numbers of an example stay in their order, the last extent running fastest: (n), (features, time steps), (c, h, w) or (c, d, h, w).
`reshape: [0, -1]` makes (c, h, w) a sequence of h·w steps of c features. neon resolves only the first 0; here each stands for the
extent of the input in its place.)",
    {{"Flatten",
      "it is not needed: Linear and Affine take inputs of any shape; elsewhere write Reshape with reshape: -1"},
     {"View", ""}});

}  // namespace
}  // namespace neon
