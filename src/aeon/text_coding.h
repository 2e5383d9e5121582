#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aeon {

/// How the texts of one column become numbers of tokens, and back: for models that write.
class TextCoding {
 public:
  virtual ~TextCoding() = default;

  /// The token that starts texts, if there is one, then those of the text; no end and no padding. Errors:
  /// invalid_argument naming a token that the vocabulary has not.
  virtual std::vector<std::int32_t> tokens_of(std::string_view text) const = 0;

  /// What tokens_of reads as these: words with blanks between them, characters without.
  virtual std::string text_of(std::span<const std::int32_t> tokens) const = 0;

  /// Whether there are blanks between them.
  virtual bool separates() const = 0;

  /// The token that ends texts.
  virtual std::optional<std::int32_t> end() const = 0;
};

}  // namespace aeon
