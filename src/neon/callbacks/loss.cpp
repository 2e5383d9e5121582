#include "neon/callback.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class Loss final : public Callback {
 public:
  struct Config {
    std::int64_t epoch_freq = 1;
    static constexpr auto fields() {
      return std::tuple(base::field("epoch_freq", &Config::epoch_freq, "epochs between two evaluations").at_least(1));
    }
  };
  explicit Loss(const Config& config) : epoch_freq_(config.epoch_freq) {}

  std::optional<std::int64_t> evaluation_freq() const override { return epoch_freq_; }

 private:
  std::int64_t epoch_freq_;
};

const OnShelf<Callback, Loss> registered(
    "LossCallback", "how often the cost and the metric of the evaluation data are measured",
    R"(After every `epoch_freq`-th epoch, and after the last; without this callback after every epoch. `neon --eval_freq` goes before it.)");

}  // namespace
}  // namespace neon
