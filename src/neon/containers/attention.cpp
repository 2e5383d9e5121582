#include "neon/layers/attention.h"

#include "base/error.h"

namespace neon {
namespace {

/// The middle of MultiHeadAttention by itself.
class Attention final : public GraphPart {
 public:
  struct Config {
    std::int64_t heads = 1;
    bool causal = false;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("heads", &Config::heads, "how many look at the same time").positive().required(),
                        base::field("causal", &Config::causal, "steps see only themselves and those before them"),
                        base::field("name", &Config::name, "a name, unique in the model"));
    }
  };
  explicit Attention(const Config& config) : config_(config) {}

  std::optional<std::string> given_name() const override { return config_.name; }
  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const override {
    if (in.size() != 1)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("it takes queries, keys and values in one input, but {} come in", in.size()));
    return attention(builder, "Attention", config_.name, in, {config_.heads, config_.causal, false});
  }

  static std::vector<LayerCase> cases() {
    return {{R"({"heads": 2})", {12, 5}}, {R"({"heads": 1, "causal": true})", {9, 7}}};
  }

 private:
  Config config_;
};

const OnShelf<GraphPart, Attention> registered(
    "Attention", "every step of a sequence sees the others: what is between the dense layers of MultiHeadAttention",
    R"((3·size, time steps) → (size, time steps): the features that come in are the queries, then the keys, then the values of each
step, of each of which every head has size/heads. A head's result for step i is Σ_j w_ij·value_j with w_i = softmax over j of
query_i·key_j/√(size/heads). With `causal` step i sees only j ≤ i. Imported networks have it, whose dense layers stand around it one by
one; `MultiHeadAttention` has them with it. Vaswani et al. 2017.)",
    {{"ScaledDotProductAttention", ""}});

}  // namespace
}  // namespace neon
