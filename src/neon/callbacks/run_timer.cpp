#include "base/clock.h"
#include "neon/callback.h"
#include "neon/trainer.h"

namespace neon {
namespace {

class RunTimer final : public Callback {
 public:
  struct Config {
    static constexpr auto fields() { return std::tuple(); }
  };
  explicit RunTimer(const Config&) {}

  void on_begin() override { began_us_ = base::steady_now_us(); }
  void on_epoch(EpochEvent& event, Plan&, std::optional<std::string>&) override {
    event.metrics.emplace_back("RunSeconds", static_cast<double>(base::steady_now_us() - began_us_) * 1e-6);
  }

 private:
  std::int64_t began_us_ = 0;
};

const OnShelf<Callback, RunTimer> registered(
    "RunTimerCallback", "seconds since the run began, after each epoch",
    R"(The figure `RunSeconds`, evaluations and checkpoints included, of this run: a resumed training counts from its start. An HDF5
file of the run has its begin and end whether or not there is such a callback.)");

}  // namespace
}  // namespace neon
