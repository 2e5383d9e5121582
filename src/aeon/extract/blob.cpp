#include <fmt/format.h>

#include <cstring>

#include "aeon/extract/extractor.h"
#include "aeon/extract/numbers.h"
#include "base/error.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;
using records::ElementType;

/// Numbers as they are: features, a time series, a mask.
class Blob final : public Extractor {
 public:
  struct Config {
    std::optional<std::int64_t> output_count;
    std::optional<tensor::Shape> shape;
    NumberType output_type = NumberType::float_;
    bool binary = true;
    static constexpr auto fields() {
      return std::tuple(
          base::field("output_count", &Config::output_count, "how many numbers, for the shape (output_count)")
              .range(1, 1e9),
          base::field("shape", &Config::shape,
                      "extents of a sample, outermost first, such as [features, time steps]; instead of output_count"),
          base::field("output_type", &Config::output_type,
                      "of the numbers in the records; float and double become f32, uint8_t u8, the others i32"),
          base::field("binary", &Config::binary,
                      "the element is the numbers' bytes, little-endian; false: text, separated by blanks or commas"));
    }
  };

  Blob(const Config& config, const LoaderConfig&, std::string_view where)
      : type_(config.output_type), binary_(config.binary) {
    if (config.output_count.has_value() == config.shape.has_value())
      throw Error(Code::invalid_argument, "a blob needs either output_count or shape", std::string(where));
    shape_ = config.shape.value_or(tensor::Shape{config.output_count.value_or(0)});
    if (shape_.empty())
      throw Error(Code::invalid_argument, "shape needs an extent at least", base::pointer_to(where, "shape"));
    try {
      count_ = tensor::element_count(shape_);
    } catch (Error& error) {
      error.where = base::pointer_to(where, "shape");
      throw;
    }
  }

  Role role() const override { return Role::input; }
  std::vector<ExtractedTensor> tensors() const override { return {{{"blob", shape_, dtype_of(type_)}}}; }

  void check_column(ElementType type) const override {
    const bool four_bytes = type == ElementType::ASCII_INT || type == ElementType::ASCII_FLOAT;
    if (binary_ && type == ElementType::STRING)
      throw Error(Code::invalid_argument, "a blob of a STRING column is text; add binary: false");
    if (!binary_ && four_bytes)
      throw Error(
          Code::invalid_argument,
          fmt::format("a blob of an {} column has 4 bytes, not text; leave out binary: false", base::word(type)));
    const NumberType needed = type == ElementType::ASCII_INT ? NumberType::int32 : NumberType::float_;
    if (four_bytes && (type_ != needed || count_ != 1))
      throw Error(Code::invalid_argument,
                  fmt::format("an {} column has one number of {} a record", base::word(type), base::word(needed)));
  }

  void decode(std::string_view bytes, Scratch&, Decoded& decoded) const override {
    decoded.allot(dtype_of(type_), {count_});
    auto* to = reinterpret_cast<std::byte*>(decoded.bytes.data());
    binary_ ? read_numbers(bytes, type_, count_, to) : read_text_numbers(bytes, type_, count_, to);
  }

  void write(const DecodedView& decoded, const Draw&, Scratch&,
             std::span<std::byte* const> destinations) const override {
    if (destinations[0] != nullptr) std::memcpy(destinations[0], decoded.bytes, decoded.size_bytes());
  }

 private:
  NumberType type_;
  bool binary_;
  tensor::Shape shape_;
  std::int64_t count_ = 0;
};

const ExtractorOnShelf<Blob> registered("blob", "numbers as they are, of any shape");

}  // namespace
}  // namespace aeon
