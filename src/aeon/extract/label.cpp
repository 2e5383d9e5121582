#include <fmt/format.h>

#include <cstring>

#include "aeon/extract/extractor.h"
#include "aeon/extract/numbers.h"
#include "base/error.h"
#include "base/log.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;
using records::ElementType;

/// A class index or a real number, or several of them, as text or as 4 bytes each.
class Label final : public Extractor {
 public:
  struct Config {
    bool binary = false;
    NumberType output_type = NumberType::int32;
    std::optional<std::int64_t> count;
    static constexpr auto fields() {
      return std::tuple(
          base::field(
              "binary", &Config::binary,
              "the element is 4 bytes a number, little-endian (ASCII_INT and ASCII_FLOAT columns); false: text"),
          base::field("output_type", &Config::output_type,
                      "whole numbers of any width are class indices, given as i32; float and double are real numbers, "
                      "given as f32"),
          base::field("count", &Config::count, "numbers of a record, in text separated by blanks or commas")
              .range(1, 1e6));
    }
  };

  Label(const Config& config, const LoaderConfig&, std::string_view)
      : binary_(config.binary),
        type_(dtype_of(config.output_type) == tensor::Dtype::f32 ? NumberType::float_ : NumberType::int32),
        count_(config.count.value_or(1)) {
    if (config.count || is_real()) shape_ = {count_};
  }

  Role role() const override { return Role::target; }
  std::vector<ExtractedTensor> tensors() const override { return {{{"label", shape_, dtype_of(type_)}}}; }

  void check_column(ElementType type) const override {
    if (!binary_ && (type == ElementType::ASCII_INT || type == ElementType::ASCII_FLOAT))
      throw Error(Code::invalid_argument,
                  fmt::format("a label of an {} column has 4 bytes, not text; {}", base::word(type),
                              type == ElementType::ASCII_INT || is_real() ? "add binary: true"
                                                                          : "make the column ASCII_INT or STRING"));
    const ElementType other = is_real() ? ElementType::ASCII_INT : ElementType::ASCII_FLOAT;
    if (binary_ && type == other)
      throw Error(Code::invalid_argument,
                  fmt::format("the column is {}, but output_type {} needs {}", base::word(type),
                              is_real() ? "float" : "int32_t",
                              base::word(is_real() ? ElementType::ASCII_FLOAT : ElementType::ASCII_INT)));
  }

  void decode(std::string_view bytes, Scratch&, Decoded& decoded) const override {
    decoded.allot(dtype_of(type_), {count_});
    auto* to = reinterpret_cast<std::byte*>(decoded.bytes.data());
    if (binary_) {
      if (bytes.size() != static_cast<std::size_t>(count_) * sizeof(std::int32_t))
        throw Error(Code::invalid_argument,
                    fmt::format("a binary label has {} bytes, got {}", count_ * 4, bytes.size()));
      read_numbers(bytes, type_, count_, to);
    } else {
      read_text(bytes, to);
    }
    if (is_real()) return;
    for (const std::int32_t index : decoded.as<std::int32_t>())
      if (index < 0)
        throw Error(Code::invalid_argument, fmt::format("label: a class index is at least 0, got {}", index));
  }

  void write(const DecodedView& decoded, const Draw&, Scratch&,
             std::span<std::byte* const> destinations) const override {
    if (destinations[0] != nullptr) std::memcpy(destinations[0], decoded.bytes, decoded.size_bytes());
  }

 private:
  bool is_real() const { return type_ == NumberType::float_; }

  void read_text(std::string_view text, std::byte* to) const {
    const std::string_view expected = is_real() ? "a number" : "the index of a class, a whole number from 0";
    // A single one stands alone: what is around it would be a mistake.
    if (count_ == 1 && (text.empty() || text.find_first_of(" \t\r\n,;") != text.npos))
      throw Error(Code::invalid_argument,
                  fmt::format("label: expected {}, got '{}'", expected, base::printable(text, 80)));
    try {
      read_text_numbers(text, type_, count_, to);
    } catch (Error& error) {
      error.message = count_ == 1 ? fmt::format("label: expected {}, got '{}'", expected, base::printable(text, 80))
                                  : fmt::format("label: {}", error.message);
      throw;
    }
  }

  bool binary_;
  NumberType type_;
  std::int64_t count_;
  tensor::Shape shape_;
};

const ExtractorOnShelf<Label> registered("label", "a class index or a real number, or several");

}  // namespace
}  // namespace aeon
