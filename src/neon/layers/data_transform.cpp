#include "neon/graph_builder.h"

namespace neon {
namespace {

/// An Activation under another name.
class DataTransform final : public GraphPart {
 public:
  struct Config {
    Part transform;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("transform", &Config::transform, "the function, such as Normalizer").required(),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit DataTransform(const Config& config)
      : name_(config.name),
        activation_(Shelf<GraphPart>::instance().make(
            {"Activation", {{"transform", config.transform.to_json()}}, config.transform.where})) {}

  std::optional<std::string> given_name() const override { return name_; }
  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    return builder.place(std::dynamic_pointer_cast<const Layer>(activation_), "DataTransform", name_, in);
  }

  static std::vector<LayerCase> cases() {
    return {{R"({"transform": "Normalizer"})", {3, 4, 4}},
            {R"({"transform": {"type": "Normalizer", "config": {"divisor": 0.25}}})", {5}}};
  }

 private:
  std::optional<std::string> name_;
  std::shared_ptr<const GraphPart> activation_;
};

const OnShelf<GraphPart, DataTransform> registered(
    "DataTransform", "a function of what comes in",
    R"(For preparing inputs inside the model, mostly with `Normalizer`. Nothing learns before it, so no gradient is computed. In neon it has
to be the first layer; here it may stand anywhere.)");

}  // namespace
}  // namespace neon
