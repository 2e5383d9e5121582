#include "neon/initializer.h"
#include "neon/shelf.h"

namespace neon {
namespace {

/// Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 16.
class GlorotUniform final : public Initializer {
 public:
  struct Config {
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit GlorotUniform(const Config&) {}

  void fill(std::span<float> out, std::int64_t rows, std::int64_t columns, base::Random& random) const override {
    const double bound = std::sqrt(6.0 / static_cast<double>(rows + columns));
    for (float& value : out) value = static_cast<float>(random.uniform(-bound, bound));
  }
};

const OnShelf<Initializer, GlorotUniform> registered("GlorotUniform", "uniform within ±sqrt(6 / (rows + columns))");

}  // namespace
}  // namespace neon
