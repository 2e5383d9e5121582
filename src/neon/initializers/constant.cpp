#include "neon/initializer.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class Constant final : public Initializer {
 public:
  struct Config {
    double val = 0.0;
    std::optional<std::string> name;
    static constexpr auto fields() {
      return std::tuple(base::field("val", &Config::val, "every value"),
                        base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit Constant(Config config) : config_(std::move(config)) {}

  void fill(std::span<float> out, std::int64_t, std::int64_t, base::Random&) const override {
    std::fill(out.begin(), out.end(), static_cast<float>(config_.val));
  }

 private:
  Config config_;
};

const OnShelf<Initializer, Constant> registered("Constant", "the same value everywhere");

}  // namespace
}  // namespace neon
