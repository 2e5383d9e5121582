#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace aeon {

enum class Tokens { words, characters };

constexpr auto enumerators(Tokens) {
  return std::array{std::pair{Tokens::words, "words"}, std::pair{Tokens::characters, "characters"}};
}

/// Calls visit(token) for each token of a text: words are what stands between blanks, and punctuation marks by
/// themselves; a character is a token whatever it is. Errors: invalid_argument when the text is not UTF-8.
void for_each_token(std::string_view text, Tokens tokens, bool lower_case,
                    const std::function<bool(std::string_view)>& visit);

/// The tokens that a model knows, each with its number.
class Vocabulary {
 public:
  /// Errors: invalid_argument for a token that is empty or repeated.
  explicit Vocabulary(std::vector<std::string> tokens);

  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  const std::vector<std::string>& tokens() const { return tokens_; }
  std::optional<std::int32_t> find(std::string_view token) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> numbers_;
};

}  // namespace aeon
