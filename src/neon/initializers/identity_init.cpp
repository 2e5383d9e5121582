#include "neon/initializer.h"
#include "neon/shelf.h"

namespace neon {
namespace {

class IdentityInit final : public Initializer {
 public:
  struct Config {
    bool local = true;
    std::string name = "Identity";
    static constexpr auto fields() {
      return std::tuple(base::field("local", &Config::local, "changes nothing, as in neon"),
                        base::field("name", &Config::name, "a name for people; changes nothing"));
    }
  };
  explicit IdentityInit(const Config&) {}

  void fill(std::span<float> out, std::int64_t rows, std::int64_t columns, base::Random&) const override {
    std::fill(out.begin(), out.end(), 0.0f);
    for (std::int64_t i = 0; i < std::min(rows, columns); ++i) out[static_cast<std::size_t>(i * columns + i)] = 1.0f;
  }
};

const OnShelf<Initializer, IdentityInit> registered(
    "IdentityInit", "ones on the diagonal, zeros elsewhere",
    R"(neon refuses parameters with more rows than columns; here they have ones as far as the diagonal goes. neon does not train a layer
whose initializer has this one's default name; here it is trained.)",
    {{"Identity", ""}, {"Eye", ""}});

}  // namespace
}  // namespace neon
