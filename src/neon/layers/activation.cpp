#include <list>

#include "neon/lowering/element_wise.h"
#include "neon/lowering/sequence.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

class Activation final : public UnaryLayer {
 public:
  struct Config {
    Part transform;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("transform", &Config::transform, "the function").required(),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Activation(const Config& config)
      : config_(config), transform_(Shelf<Transform>::instance().make(config.transform)) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  Sight sight(std::size_t) const override { return Sight::itself; }
  tensor::Shape out_shape(const tensor::Shape& in) const override {
    transform_->check(in);
    return in;
  }
  std::shared_ptr<const Transform> transform() const override { return transform_; }
  std::string_view activation() const override { return config_.transform.type; }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;
  std::vector<std::string> onnx(OnnxNodes& nodes) const override {
    const std::string y = transform_->onnx(nodes, nodes.in());
    return y.empty() ? std::vector<std::string>() : std::vector{y};
  }

  void reference_forward(Reference& r) const override {
    for_each_row(r, [&](const Row& row) {
      auto y = row.of(r.src());
      transform_->reference_forward(y);
      row.put(y, r.dst());
    });
  }
  void reference_backward(Reference& r) const override {
    for_each_row(r, [&](const Row& row) {
      auto dx = row.of(r.diff_dst());
      transform_->reference_backward(row.of(r.src()), row.of(r.dst()), dx);
      row.put(dx, r.diff_src());
    });
  }

  /// Those of every member of the shelf of activations, on rows and on maps.
  static std::vector<LayerCase> cases() {
    static std::list<std::string> configs;  // what the cases point to
    std::vector<LayerCase> list;
    for (const auto& [name, member] : Shelf<Transform>::instance().members()) {
      auto cases = member.cases();
      if (cases.empty()) cases = {"{}"};
      for (const std::string_view config : cases) {
        const Part transform{std::string(name), base::parse_json(config, "case").get_object(), ""};
        configs.push_back(base::to_text(base::json::object{{"transform", transform.to_json()}}));
        const auto function = Shelf<Transform>::instance().make(transform);
        const bool has_true_gradient = function->has_true_derivative();
        list.push_back({configs.back(), {12}, {}, has_true_gradient});
        list.push_back({configs.back(), {10, 3, 2}, {}, has_true_gradient});
        if (!function->is_element_wise()) list.push_back({configs.back(), {6, 5}, {}, has_true_gradient});
      }
    }
    return list;
  }

 private:
  /// The numbers that belong together: those of an example, or of one step of a sequence.
  struct Row {
    std::size_t begin, count, stride;
    Reference::Numbers of(const Reference::Numbers& all) const {
      Reference::Numbers row(count);
      for (std::size_t i = 0; i < count; ++i) row[i] = all[begin + i * stride];
      return row;
    }
    void put(const Reference::Numbers& row, Reference::Numbers& all) const {
      for (std::size_t i = 0; i < count; ++i) all[begin + i * stride] = row[i];
    }
  };

  template <class Visit>
  static void for_each_row(const Reference& r, const Visit& visit) {
    const std::size_t each = r.src().size() / static_cast<std::size_t>(r.n);
    const std::size_t steps = is_sequence(r.in()) ? static_cast<std::size_t>(r.in()[1]) : 1;
    for (std::size_t at = 0; at < r.src().size(); at += each)
      for (std::size_t t = 0; t < steps; ++t) visit(Row{at + t, each / steps, steps});
  }

  Config config_;
  std::shared_ptr<const Transform> transform_;
};

/// An activation that no layer before it absorbed.
class Steps final : public UnarySteps {
 public:
  Steps(const Group& group, std::shared_ptr<const Transform> transform)
      : name_(group.node->name), following_{std::move(transform), group.takes_shortcut} {}

  Value forward(Lowering& lowering, const Value& src) override {
    src_ = src;
    const Transform& transform = *following_.transform;
    if (!transform.is_element_wise()) return dst_ = transform.forward(lowering, src, name_);
    if (transform.is_identity()) return dst_ = src;
    return dst_ = through_function(lowering, following_.transform, src, name_);
  }

  Value backward(Lowering& lowering, const Value& diff_dst, bool) override {
    const Transform& transform = *following_.transform;
    if (following_.takes_shortcut) return diff_dst;
    if (!transform.is_element_wise()) return transform.backward(lowering, dst_, diff_dst, name_);
    return through_derivative(lowering, following_, transform.derivative_of_input() ? src_ : dst_, diff_dst, name_);
  }

 private:
  std::string name_;
  Following following_;
  Value src_, dst_;
};

std::unique_ptr<LayerSteps> Activation::lower(const Group& group) const {
  return std::make_unique<Steps>(group, transform_);
}

const OnShelf<GraphPart, Activation> registered(
    "Activation", "a function of each number or each row", {},
    {{"ReLU", "write Activation with transform: Rectlin, or activation: Rectlin in the layer before"},
     {"LeakyReLU", "write Activation with transform: {type: Rectlin, config: {slope: 0.01}}"},
     {"Rectlin", "write Activation with transform: Rectlin, or activation: Rectlin in the layer before"},
     {"Sigmoid", "write Activation with transform: Logistic, or activation: Logistic in the layer before"},
     {"Logistic", "write Activation with transform: Logistic, or activation: Logistic in the layer before"},
     {"Softmax", "write Activation with transform: Softmax, or activation: Softmax in the layer before"},
     {"Tanh", "write Activation with transform: Tanh, or activation: Tanh in the layer before"},
     {"GELU", "write Activation with transform: GELU, or activation: GELU in the layer before"},
     {"SiLU", "write Activation with transform: SiLU, or activation: SiLU in the layer before"},
     {"Swish", "write Activation with transform: SiLU, or activation: SiLU in the layer before"},
     {"ELU", "write Activation with transform: Explin, or activation: Explin in the layer before"},
     {"ReLU6", "write Activation with transform: {type: Rectlinclip, config: {xcut: 6}}"},
     {"Softplus", "write Activation with transform: Softplus, or activation: Softplus in the layer before"}});

}  // namespace
}  // namespace neon
