#include "aeon/extract/vocabulary.h"

#include <fmt/format.h>

#include "aeon/extract/characters.h"
#include "base/error.h"
#include "base/log.h"

namespace aeon {
namespace {

bool is_blank(char32_t c) { return c <= ' ' || c == 0xA0 || (c >= 0x2000 && c <= 0x200A) || c == 0x3000; }

/// Marks that are words by themselves. An apostrophe belongs to its word, and < and > hold special tokens together.
bool is_mark(char32_t c) {
  return c < 0x80 &&
         std::string_view("!\"#$%&()*+,-./:;=?@[\\]^_`{|}~").find(static_cast<char>(c)) != std::string_view::npos;
}

}  // namespace

void for_each_token(std::string_view text, Tokens tokens, bool lower,
                    const std::function<bool(std::string_view)>& visit) {
  std::string word;
  const auto end_word = [&] {
    const bool go_on = word.empty() || visit(word);
    word.clear();
    return go_on;
  };
  for (const char32_t original : characters_of(text)) {
    const char32_t character = lower ? lower_case(original) : original;
    const bool alone = tokens == Tokens::characters || is_mark(character);
    if (!alone && !is_blank(character)) {
      word += utf8_of(character);
      continue;
    }
    if (!end_word()) return;
    if (alone && !visit(utf8_of(character))) return;
  }
  end_word();
}

Vocabulary::Vocabulary(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
  if (tokens_.empty()) throw base::Error(base::Code::invalid_argument, "the vocabulary is empty");
  for (const std::string& token : tokens_) {
    const auto number = static_cast<std::int32_t>(numbers_.size());
    if (token.empty())
      throw base::Error(base::Code::invalid_argument, fmt::format("token {} of the vocabulary is empty", number));
    if (!numbers_.emplace(token, number).second)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the vocabulary has '{}' twice", base::printable(token)));
  }
}

std::optional<std::int32_t> Vocabulary::find(std::string_view token) const {
  const auto found = numbers_.find(token);
  if (found == numbers_.end()) return {};
  return found->second;
}

}  // namespace aeon
