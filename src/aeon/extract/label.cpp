#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "aeon/extract/extractor.h"
#include "base/error.h"
#include "base/log.h"

namespace aeon {

enum class LabelOutput { int32, uint32 };
constexpr auto enumerators(LabelOutput) {
  return std::array{std::pair{LabelOutput::int32, "int32_t"}, std::pair{LabelOutput::uint32, "uint32_t"}};
}

namespace {

using base::Code;
using base::Error;

/// A class index, as text or as 4 bytes.
class Label final : public Extractor {
 public:
  struct Config {
    bool binary = false;
    LabelOutput output_type = LabelOutput::int32;
    std::string name;
    static constexpr auto fields() {
      return std::tuple(base::field("binary", &Config::binary,
                                    "the element is 4 bytes, little-endian (ASCII_INT columns); false: text"),
                        base::field("output_type", &Config::output_type, "both give i32"),
                        base::field("name", &Config::name, "a name for people"));
    }
  };

  Label(const Config& config, const LoaderConfig&, std::string_view) : config_(config) {}

  Role role() const override { return Role::target; }
  tensor::Shape shape() const override { return {}; }
  tensor::Dtype dtype() const override { return tensor::Dtype::i32; }

  void check_column(records::ElementType type) const override {
    if (!config_.binary && (type == records::ElementType::ASCII_INT || type == records::ElementType::ASCII_FLOAT))
      throw Error(Code::invalid_argument,
                  fmt::format("a label of an {} column has 4 bytes, not text; {}", base::word(type),
                              type == records::ElementType::ASCII_INT ? "add binary: true"
                                                                      : "make the column ASCII_INT or STRING"));
  }

  void decode(std::string_view bytes, Decoded& decoded) const override {
    std::int32_t label = 0;
    if (config_.binary) {
      if (bytes.size() != sizeof label)
        throw Error(Code::invalid_argument, fmt::format("a binary label has 4 bytes, got {}", bytes.size()));
      std::memcpy(&label, bytes.data(), sizeof label);
    } else {
      const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), label);
      if (error != std::errc{} || end != bytes.data() + bytes.size())
        throw Error(Code::invalid_argument,
                    fmt::format("label: expected the index of a class, a whole number from 0, got '{}'",
                                base::printable(bytes, 80)));
    }
    if (label < 0)
      throw Error(Code::invalid_argument, fmt::format("label: a class index is at least 0, got {}", label));
    decoded.height = decoded.width = 1;
    decoded.channels = sizeof label;
    decoded.bytes.resize(sizeof label);
    std::memcpy(decoded.bytes.data(), &label, sizeof label);
  }

  void write(const DecodedView& decoded, const DrawKey*, Scratch&, std::byte* destination) const override {
    std::memcpy(destination, decoded.bytes, sizeof(std::int32_t));
  }

 private:
  Config config_;
};

const ExtractorOnShelf<Label> registered("label", "a class index");

}  // namespace
}  // namespace aeon
