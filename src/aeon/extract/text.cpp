#include <fmt/format.h>

#include <algorithm>

#include "aeon/extract/characters.h"
#include "aeon/extract/extractor.h"
#include "aeon/extract/numbers.h"
#include "aeon/extract/vocabulary.h"
#include "base/error.h"
#include "base/log.h"

namespace aeon {

enum class Align { start, end };
constexpr auto enumerators(Align) { return std::array{std::pair{Align::start, "start"}, std::pair{Align::end, "end"}}; }

namespace {

using base::Code;
using base::Error;

/// A text as the numbers of its tokens in a vocabulary.
class Text final : public Extractor, public TextCoding {
 public:
  struct Config {
    std::int64_t max_length = 0;
    Tokens tokens = Tokens::words;
    std::vector<std::string> vocabulary;
    std::string alphabet;
    bool lower_case = false;
    std::string unknown, start, end, padding;
    Align align = Align::start;
    bool next = false;
    bool one_hot = false;
    bool emit_length = false;
    bool emit_mask = false;
    static constexpr auto fields() {
      return std::tuple(
          base::field("max_length", &Config::max_length, "time steps of a sample").required().range(1, 1e6),
          base::field("tokens", &Config::tokens,
                      "words (what stands between blanks; punctuation marks are words) or characters"),
          base::field("vocabulary", &Config::vocabulary,
                      "all tokens; a token's number is its place in the list. In a model file also `vocabulary_file`"),
          base::field("alphabet", &Config::alphabet, "instead of vocabulary: characters, one after the other"),
          base::field("lower_case", &Config::lower_case, "capitals become small letters before anything is looked up"),
          base::field("unknown", &Config::unknown,
                      "the token that stands for those that the vocabulary has not; without it such a text is refused"),
          base::field("start", &Config::start, "the token put before each text"),
          base::field("end", &Config::end, "the token put behind each text"),
          base::field("padding", &Config::padding, "the token that fills up a shorter text; without it number 0 does"),
          base::field(
              "align", &Config::align,
              "start: a text begins at the first step and its end is cut off; end: it ends at the last step and "
              "its beginning is cut off"),
          base::field("next", &Config::next,
                      "also gives the target `text_next`: at each step the token that comes after it, for models that "
                      "continue texts"),
          base::field("one_hot", &Config::one_hot, "(tokens of the vocabulary, time steps) f32 instead of numbers"),
          base::field("emit_length", &Config::emit_length, "also gives `text_length`, (1) i32: steps without padding"),
          base::field("emit_mask", &Config::emit_mask,
                      "also gives the target `text_mask`, (time steps) f32: 1 for steps that count, 0 for padding"));
    }
  };

  Text(const Config& config, const LoaderConfig&, std::string_view where)
      : config_(config), vocabulary_(vocabulary_of(config, where)) {
    unknown_ = special("unknown", config.unknown, where);
    start_ = special("start", config.start, where);
    end_ = special("end", config.end, where);
    padding_ = special("padding", config.padding, where).value_or(0);
    if (config.next && config.align == Align::end)
      throw Error(Code::invalid_argument, "next needs align: start", base::pointer_to(where, "align"));
  }

  Role role() const override { return Role::input; }
  std::vector<ExtractedTensor> tensors() const override {
    const std::int64_t steps = config_.max_length;
    std::vector<ExtractedTensor> tensors{
        config_.one_hot ? ExtractedTensor{{"text", {vocabulary_.size(), steps}, tensor::Dtype::f32}}
                        : ExtractedTensor{{"text", {steps}, tensor::Dtype::i32}}};
    if (config_.emit_length) tensors.push_back({{"text_length", {1}, tensor::Dtype::i32}});
    if (config_.next) tensors.push_back({{"text_next", {steps}, tensor::Dtype::i32}, Role::target});
    if (config_.emit_mask) tensors.push_back({{"text_mask", {steps}, tensor::Dtype::f32}, Role::target});
    return tensors;
  }
  std::vector<std::string> class_names() const override { return vocabulary_.tokens(); }

  const TextCoding* coding() const override { return this; }
  std::optional<std::int32_t> end() const override { return end_; }
  std::vector<std::int32_t> tokens_of(std::string_view text) const override {
    std::vector<std::int32_t> numbers;
    if (start_) numbers.push_back(*start_);
    for_each_token(text, config_.tokens, config_.lower_case, [&](std::string_view token) {
      numbers.push_back(number_of(token));
      return true;
    });
    return numbers;
  }
  bool separates() const override { return config_.tokens == Tokens::words; }
  std::string text_of(std::span<const std::int32_t> tokens) const override {
    std::string text;
    for (const std::int32_t token : tokens) {
      if (!text.empty() && separates()) text += ' ';
      text += vocabulary_.tokens().at(static_cast<std::size_t>(token));
    }
    return text;
  }

  /// The numbers of all tokens that a sample may need.
  void decode(std::string_view bytes, Scratch&, Decoded& decoded) const override {
    if (config_.tokens == Tokens::characters && bytes.ends_with('\n') && !vocabulary_.find("\n"))
      bytes.remove_suffix(bytes.ends_with("\r\n") ? 2 : 1);  // the end of a text file's only line
    std::vector<std::int32_t> numbers;
    if (start_) numbers.push_back(*start_);
    const std::size_t most = needed();
    const bool from_start = config_.align == Align::start;
    for_each_token(bytes, config_.tokens, config_.lower_case, [&](std::string_view token) {
      if (from_start && numbers.size() == most) return false;
      numbers.push_back(number_of(token));
      return true;
    });
    if (end_) numbers.push_back(*end_);
    if (numbers.size() > most)
      from_start ? numbers.resize(most)
                 : static_cast<void>(numbers.erase(numbers.begin(), numbers.end() - static_cast<std::ptrdiff_t>(most)));
    decoded.allot(tensor::Dtype::i32, {static_cast<std::int64_t>(numbers.size())});
    std::copy(numbers.begin(), numbers.end(), decoded.as<std::int32_t>().begin());
  }

  void write(const DecodedView& decoded, const Draw&, Scratch&,
             std::span<std::byte* const> destinations) const override {
    const std::span<const std::int32_t> all = decoded.as<std::int32_t>();
    const auto steps = static_cast<std::size_t>(config_.max_length);
    // In front of the next token there is one that has it: the last of a text has none.
    const std::size_t length = std::min(steps, config_.next && !all.empty() ? all.size() - 1 : all.size());
    const std::size_t begin = config_.align == Align::start ? 0 : steps - length;
    std::size_t i = 0;
    if (std::byte* to = destinations[i++]) write_tokens(all.first(std::min(steps, all.size())), to);
    if (config_.emit_length)
      if (std::byte* to = destinations[i++]) {
        const auto count = static_cast<std::int32_t>(length);
        std::copy_n(reinterpret_cast<const std::byte*>(&count), sizeof count, to);
      }
    if (config_.next)
      if (std::byte* to = destinations[i++])
        write_filled(all.empty() ? all : all.subspan(1), padding_, config_.max_length, to);
    if (config_.emit_mask)
      if (std::byte* to = destinations[i++]) {
        const std::span<float> mask(reinterpret_cast<float*>(to), steps);
        std::fill(mask.begin(), mask.end(), 0.0f);
        std::fill_n(mask.begin() + static_cast<std::ptrdiff_t>(begin), length, 1.0f);
      }
  }

 private:
  static Vocabulary vocabulary_of(const Config& config, std::string_view where) {
    const bool by_alphabet = !config.alphabet.empty();
    if (by_alphabet == !config.vocabulary.empty())
      throw Error(Code::invalid_argument, "a text needs either vocabulary, a list of tokens, or alphabet",
                  std::string(where));
    if (by_alphabet && config.tokens != Tokens::characters)
      throw Error(Code::invalid_argument, "an alphabet is for tokens: characters", base::pointer_to(where, "alphabet"));
    try {
      std::vector<std::string> tokens = config.vocabulary;
      for (const char32_t character : characters_of(config.alphabet)) tokens.push_back(utf8_of(character));
      // What stands for something else comes after the characters.
      if (by_alphabet)
        for (const std::string* token : {&config.padding, &config.unknown, &config.start, &config.end})
          if (!token->empty() && std::find(tokens.begin(), tokens.end(), *token) == tokens.end())
            tokens.push_back(*token);
      return Vocabulary(std::move(tokens));
    } catch (Error& error) {
      error.where = base::pointer_to(where, by_alphabet ? "alphabet" : "vocabulary");
      throw;
    }
  }

  std::optional<std::int32_t> special(std::string_view key, const std::string& token, std::string_view where) const {
    if (token.empty()) return {};
    const auto number = vocabulary_.find(token);
    if (!number)
      throw Error(Code::invalid_argument,
                  fmt::format("{} is '{}', which the vocabulary has not", key, base::printable(token)),
                  base::pointer_to(where, key));
    return number;
  }

  /// With the next token of each step there is one more.
  std::size_t needed() const { return static_cast<std::size_t>(config_.max_length) + (config_.next ? 1 : 0); }

  std::int32_t number_of(std::string_view token) const {
    if (const auto number = vocabulary_.find(token)) return *number;
    if (unknown_) return *unknown_;
    throw Error(Code::invalid_argument,
                fmt::format("the vocabulary has no {} '{}'; name a token for such ones: unknown",
                            config_.tokens == Tokens::words ? "word" : "character", base::printable(token, 80)));
  }

  void write_tokens(std::span<const std::int32_t> numbers, std::byte* to) const {
    const auto steps = static_cast<std::size_t>(config_.max_length);
    const std::size_t begin = config_.align == Align::start ? 0 : steps - numbers.size();
    if (!config_.one_hot) {
      auto* all = reinterpret_cast<std::int32_t*>(to);
      std::fill_n(all, begin, padding_);
      write_filled(numbers, padding_, static_cast<std::int64_t>(steps - begin), to + begin * sizeof(std::int32_t));
      return;
    }
    const std::span<float> all(reinterpret_cast<float*>(to), static_cast<std::size_t>(vocabulary_.size()) * steps);
    std::fill(all.begin(), all.end(), 0.0f);
    for (std::size_t step = 0; step < steps; ++step) {
      const bool inside = step >= begin && step < begin + numbers.size();
      const auto number = static_cast<std::size_t>(inside ? numbers[step - begin] : padding_);
      all[number * steps + step] = 1;
    }
  }

  Config config_;
  Vocabulary vocabulary_;
  std::optional<std::int32_t> unknown_, start_, end_;
  std::int32_t padding_ = 0;
};

const ExtractorOnShelf<Text> registered("text", "a text as the numbers of its tokens in a vocabulary");

}  // namespace
}  // namespace aeon
