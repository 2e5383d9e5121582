#include "neon/initializer.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Source: He et al. 2015, "Delving deep into rectifiers", eq. 10.
class Kaiming final : public Initializer {
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
  explicit Kaiming(Config config) : config_(std::move(config)) {}

  void fill(std::span<float> out, std::int64_t rows, std::int64_t columns, base::Random& random) const override {
    const auto fan = static_cast<double>(config_.local ? rows : columns);
    const double deviation = std::sqrt(2.0 / fan);
    for (float& value : out) value = static_cast<float>(deviation * random.normal());
  }

 private:
  Config config_;
};

const OnShelf<Initializer, Kaiming> registered("Kaiming", "normal with standard deviation sqrt(2 / fan)");

}  // namespace
}  // namespace neon
