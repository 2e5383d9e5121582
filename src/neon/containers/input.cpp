#include "base/error.h"
#include "neon/graph_builder.h"

namespace neon {
namespace {

/// Where a branch takes one of the model's inputs by its name. It is an edge and no node.
class Input final : public GraphPart {
 public:
  struct Config {
    std::string name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "of the input, as the loader calls its tensor").required());
    }
  };
  explicit Input(const Config& config) : input_(config.name) {}

  std::optional<std::string> given_name() const override { return {}; }
  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    for (const int edge : in)
      if (!builder.is_input(edge))
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("Input '{}' must be the first of its branch: a layer stands before it", input_));
    return {builder.input(input_)};
  }

 private:
  std::string input_;
};

const OnShelf<GraphPart, Input> registered(
    "Input", "one of the model's inputs by its name",
    R"(For models with several inputs, as the first layer of a branch: whatever comes in there, the branch goes on with the input of this
name. Names are those of the loader's tensors, such as `image`, `left.image` or `text_length`
([dataset-config.md](../formats/dataset-config.md)). Without it the inputs come in the order of the columns.)",
    {{"InputLayer", ""}});

}  // namespace
}  // namespace neon
