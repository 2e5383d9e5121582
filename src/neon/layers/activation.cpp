#include "base/error.h"
#include "neon/element_wise.h"
#include "neon/parallel.h"
#include "neon/threads.h"

namespace neon {
namespace {

using tensor::Slot;

class Activation final : public Layer {
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
  tensor::Shape out_shape(const tensor::Shape& in) const override { return in; }
  std::optional<ElementWise> element_wise() const override { return transform_->element_wise(); }
  std::string_view activation() const override { return config_.transform.type; }
  bool is_shortcut() const override { return transform_->is_shortcut(); }
  std::unique_ptr<LayerSteps> lower(const Group& group) const override;

  void reference_forward(Reference& r) const override {
    r.dst = r.src;
    const std::size_t row = r.dst.size() / static_cast<std::size_t>(r.n);
    for (std::size_t at = 0; at < r.dst.size(); at += row) transform_->reference_forward({&r.dst[at], row});
  }
  void reference_backward(Reference& r) const override {
    r.diff_src = r.diff_dst;
    const std::size_t row = r.dst.size() / static_cast<std::size_t>(r.n);
    for (std::size_t at = 0; at < r.dst.size(); at += row)
      transform_->reference_backward({&r.dst[at], row}, {&r.diff_src[at], row});
  }

  std::vector<LayerCase> cases() const override {
    // One per member of the shelf of activations, with and without options.
    return {{R"({"transform": "Rectlin"})", {7}},
            {R"({"transform": {"type": "Rectlin", "config": {"slope": 0.1}}})", {10, 3, 3}},
            {R"({"transform": "Logistic"})", {5, 4, 4}},
            {R"({"transform": {"type": "Logistic", "config": {"shortcut": true}}})", {9}},
            {R"({"transform": "Tanh"})", {12}},
            {R"({"transform": "Softmax"})", {10}},
            {R"({"transform": "Softmax"})", {3, 2, 2}},
            {R"({"transform": "Identity"})", {4}}};
  }

 private:
  Config config_;
  std::shared_ptr<const Transform> transform_;
};

/// An activation that no layer before it absorbed.
class Steps final : public LayerSteps {
 public:
  Steps(const Group& group, std::shared_ptr<const Transform> transform)
      : node_(*group.node), takes_shortcut_(group.takes_shortcut), transform_(std::move(transform)) {}

  Value forward(Booking& booking, const Value& src) override {
    const auto function = transform_->element_wise();
    if (!function) return dst_ = transform_->forward(booking, src, node_.name);
    if (function->identity) return src;
    dst_ = booking.value(src.layout);
    booking.may_replace(src, dst_);
    const ThreadScope scope(threads_for(static_cast<std::int64_t>(src.layout.size_bytes() / sizeof(float))));
    booking.add(node_.name + " forward", tensor::function_forward(src.layout, function->function),
                {{Slot::src, src.buffer}, {Slot::dst, dst_.buffer}});
    return dst_;
  }

  Value backward(Booking& booking, const Value& diff_dst, bool) override {
    const auto function = transform_->element_wise();
    if (takes_shortcut_) return diff_dst;
    if (!function) return transform_->backward(booking, dst_, diff_dst, node_.name);
    return through_derivative(booking, *function, dst_, diff_dst, node_.name);
  }

 private:
  const Node& node_;
  bool takes_shortcut_;
  std::shared_ptr<const Transform> transform_;
  Value dst_;
};

std::unique_ptr<LayerSteps> Activation::lower(const Group& group) const {
  return std::make_unique<Steps>(group, transform_);
}

const OnShelf<Layer, Activation> registered(
    "Activation", "a function of each number or each row", {},
    {{"ReLU", "write Activation with transform: Rectlin, or activation: Rectlin in the layer before"},
     {"LeakyReLU", "write Activation with transform: {type: Rectlin, config: {slope: 0.01}}"},
     {"Rectlin", "write Activation with transform: Rectlin, or activation: Rectlin in the layer before"},
     {"Sigmoid", "write Activation with transform: Logistic, or activation: Logistic in the layer before"},
     {"Logistic", "write Activation with transform: Logistic, or activation: Logistic in the layer before"},
     {"Softmax", "write Activation with transform: Softmax, or activation: Softmax in the layer before"},
     {"Tanh", "write Activation with transform: Tanh, or activation: Tanh in the layer before"}});

}  // namespace
}  // namespace neon
