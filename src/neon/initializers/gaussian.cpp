#include "neon/initializer.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class Gaussian final : public Initializer {
 public:
  struct Config {
    double loc = 0.0;
    double scale = 1.0;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("loc", &Config::loc, "mean"),
                        base::field("scale", &Config::scale, "standard deviation").at_least(0),
                        base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit Gaussian(Config config) : config_(std::move(config)) {}

  void fill(std::span<float> out, std::int64_t, std::int64_t, base::Random& random) const override {
    for (float& value : out) value = static_cast<float>(config_.loc + config_.scale * random.normal());
  }

 private:
  Config config_;
};

const OnShelf<Initializer, Gaussian> registered("Gaussian", "normal with mean loc and standard deviation scale");

}  // namespace
}  // namespace neon
