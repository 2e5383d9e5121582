#include "neon/initializer.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class Uniform final : public Initializer {
 public:
  struct Config {
    double low = 0.0;
    double high = 1.0;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("low", &Config::low, "least value"),
                        base::field("high", &Config::high, "upper bound"),
                        base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit Uniform(Config config) : config_(std::move(config)) {
    if (!(config_.low <= config_.high))
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("low must not be over high, got low {} and high {}", config_.low, config_.high));
  }

  void fill(std::span<float> out, std::int64_t, std::int64_t, base::Random& random) const override {
    for (float& value : out) value = static_cast<float>(random.uniform(config_.low, config_.high));
  }

 private:
  Config config_;
};

const OnShelf<Initializer, Uniform> registered("Uniform", "uniform between low and high");

}  // namespace
}  // namespace neon
