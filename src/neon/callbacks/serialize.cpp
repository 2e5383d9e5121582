#include "neon/callback.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class Serialize final : public Callback {
 public:
  struct Config {
    std::int64_t epoch_freq = 1;
    static constexpr auto fields() {
      return std::tuple(base::field("epoch_freq", &Config::epoch_freq, "epochs between two checkpoints").at_least(1));
    }
  };
  explicit Serialize(const Config& config) : epoch_freq_(config.epoch_freq) {}

  std::optional<std::int64_t> checkpoint_freq() const override { return epoch_freq_; }

 private:
  std::int64_t epoch_freq_;
};

const OnShelf<Callback, Serialize> registered(
    "SerializeModelCallback", "how often the training is kept",
    R"(After every `epoch_freq`-th epoch, after the last, and when the training is stopped; without this callback after every epoch. Where checkpoints
go and how many are kept is said to the program: `neon --save_path FILE --history N`; the cloud keeps the newest. `neon --serialize`
goes before it.)");

}  // namespace
}  // namespace neon
