#include "neon/optimizers/rule.h"

namespace neon {
namespace {

class Frozen final : public Optimizer {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit Frozen(const Config&) {}

  bool learns() const override { return false; }
  int state_count() const override { return 0; }
  void update(std::span<float>, std::span<const float>, std::span<float* const>, const StepScalars&) const override {}
  void reference_update(std::span<double>, std::span<const double>, std::span<const std::span<double>>,
                        const StepScalars&) const override {}
};

const OnShelf<Optimizer, Frozen> registered(
    "Frozen", "nothing changes",
    R"(For layers that keep their weights, in a `MultiOptimizer`, by name or by class. Their gradients are not computed, and the walk back
ends where all before is frozen. A normalisation over the batch (`BatchNorm`, `ShiftBatchNorm`, `BiBNRNN`) that is frozen keeps its statistics too and
computes with them as in prediction, also in training; PyTorch needs `eval()` for that.

```yaml
optimizer:
  type: MultiOptimizer
  config:
    optimizer_mapping:
      default: {type: Adam}
      Convolution: {type: Frozen}
      embedding: {type: Frozen}
```)");

}  // namespace
}  // namespace neon
