#pragma once
// Runs one etl entry on one element, as the loader does.
#include <string_view>
#include <vector>

#include "aeon/extract/extractor.h"
#include "base/error.h"

namespace aeon {

/// An extractor of its own, with what it wrote last.
class Extracted {
 public:
  /// `entry` is JSON of an etl entry. Errors: those of the configuration.
  explicit Extracted(std::string_view entry)
      : entry_(EtlEntry::from_json(base::parse_json(entry, "entry"), "")),
        extractor_(Extractors::find(entry_.type, "").make(entry_, {})),
        tensors_(extractor_->tensors()) {}

  /// Errors: those of the element.
  Extracted& read(std::string_view bytes) {
    memory_.clear();
    std::vector<std::byte*> destinations;
    for (const ExtractedTensor& tensor : tensors_) {
      const auto size = static_cast<std::size_t>(tensor::element_count(tensor.column.shape) * 4);
      destinations.push_back(memory_.emplace_back(size, std::byte{0x55}).data());
    }
    extractor_->decode(bytes, scratch_, decoded_);
    extractor_->write(decoded_.view(), Draw(), scratch_, destinations);
    return *this;
  }

  template <class Number>
  std::vector<Number> numbers(std::size_t tensor = 0) const {
    const auto* begin = reinterpret_cast<const Number*>(memory_[tensor].data());
    return {begin, begin + tensor::element_count(tensors_[tensor].column.shape)};
  }

  const std::vector<ExtractedTensor>& tensors() const { return tensors_; }
  const Extractor& extractor() const { return *extractor_; }

 private:
  EtlEntry entry_;
  std::unique_ptr<Extractor> extractor_;
  std::vector<ExtractedTensor> tensors_;
  std::vector<std::vector<std::byte>> memory_;
  Decoded decoded_;
  Scratch scratch_;
};

/// The message of what `entry` or, when it is good, the element is refused with.
inline std::string refusal(std::string_view entry, std::string_view bytes = "") {
  try {
    Extracted(entry).read(bytes);
  } catch (const base::Error& error) {
    return error.where + ": " + error.message;
  }
  return "no error";
}

}  // namespace aeon
