#include "neon/initializer.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Source: Caffe's filler of that name, after Glorot and Bengio 2010.
class Xavier final : public Initializer {
 public:
  struct Config {
    bool local = true;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("local", &Config::local,
                                    "true for convolutions (the fan is the rows, c·r·s), false for linear layers (the "
                                    "fan is the columns, nin)"),
                        base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit Xavier(Config config) : config_(std::move(config)) {}

  void fill(std::span<float> out, std::int64_t rows, std::int64_t columns, base::Random& random) const override {
    const auto fan = static_cast<double>(config_.local ? rows : columns);
    const double bound = std::sqrt(3.0 / fan);
    for (float& value : out) value = static_cast<float>(random.uniform(-bound, bound));
  }

 private:
  Config config_;
};

const OnShelf<Initializer, Xavier> registered("Xavier", "uniform within ±sqrt(3 / fan)");

}  // namespace
}  // namespace neon
