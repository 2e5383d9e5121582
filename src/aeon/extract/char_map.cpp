#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "aeon/extract/characters.h"
#include "aeon/extract/extractor.h"
#include "aeon/extract/numbers.h"
#include "base/error.h"
#include "base/log.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

/// A text as the positions of its characters in an alphabet: what is said in a recording. Source: aeon 1.3,
/// etl_char_map.
class CharMap final : public Extractor {
 public:
  struct Config {
    std::int64_t max_length = 0;
    std::string alphabet;
    std::int64_t unknown_value = 0;
    bool emit_length = false;
    NumberType output_type = NumberType::uint32;
    static constexpr auto fields() {
      return std::tuple(
          base::field("max_length", &Config::max_length, "numbers of a sample; what is longer is cut off")
              .required()
              .range(1, 1e6),
          base::field("alphabet", &Config::alphabet,
                      "all characters, one after the other; small letters and capitals are the same")
              .required(),
          base::field("unknown_value", &Config::unknown_value,
                      "what stands for other characters, at least the alphabet's length; 0: they are left out")
              .range(0, 2147483647),
          base::field("emit_length", &Config::emit_length, "also gives `char_map_length`, (1): how many numbers count"),
          base::field("output_type", &Config::output_type, "uint32_t; given as i32"));
    }
  };

  CharMap(const Config& config, const LoaderConfig&, std::string_view where) : config_(config) {
    if (config.output_type != NumberType::uint32)
      throw Error(Code::invalid_argument, "output_type of a char_map is uint32_t",
                  base::pointer_to(where, "output_type"));
    std::vector<char32_t> characters;
    try {
      characters = characters_of(config.alphabet);
    } catch (Error& error) {
      error.where = base::pointer_to(where, "alphabet");
      throw;
    }
    if (characters.empty())
      throw Error(Code::invalid_argument, "alphabet has no characters", base::pointer_to(where, "alphabet"));
    for (const char32_t character : characters)
      if (!places_.emplace(upper_case(character), static_cast<std::int32_t>(places_.size())).second)
        throw Error(Code::invalid_argument,
                    fmt::format("alphabet has '{}' twice (small letters and capitals are the same)",
                                base::printable(utf8_of(character))),
                    base::pointer_to(where, "alphabet"));
    if (config.unknown_value != 0 && config.unknown_value < static_cast<std::int64_t>(places_.size()))
      throw Error(Code::invalid_argument,
                  fmt::format("unknown_value must be 0 or at least {}, the alphabet's length, got {}", places_.size(),
                              config.unknown_value),
                  base::pointer_to(where, "unknown_value"));
  }

  Role role() const override { return Role::target; }
  std::vector<ExtractedTensor> tensors() const override {
    std::vector<ExtractedTensor> tensors{{{"char_map", {config_.max_length}, tensor::Dtype::i32}}};
    if (config_.emit_length) tensors.push_back({{"char_map_length", {1}, tensor::Dtype::i32}});
    return tensors;
  }

  std::vector<std::string> class_names() const override {
    std::vector<std::string> names;
    for (const char32_t character : characters_of(config_.alphabet)) names.push_back(utf8_of(character));
    return names;
  }

  void decode(std::string_view bytes, Scratch&, Decoded& decoded) const override {
    std::vector<std::int32_t> numbers;
    for (const char32_t character : characters_of(bytes)) {
      if (numbers.size() == static_cast<std::size_t>(config_.max_length)) break;
      const auto found = places_.find(upper_case(character));
      if (found != places_.end())
        numbers.push_back(found->second);
      else if (config_.unknown_value != 0)
        numbers.push_back(static_cast<std::int32_t>(config_.unknown_value));
    }
    decoded.allot(tensor::Dtype::i32, {static_cast<std::int64_t>(numbers.size())});
    std::copy(numbers.begin(), numbers.end(), decoded.as<std::int32_t>().begin());
  }

  void write(const DecodedView& decoded, const Draw&, Scratch&,
             std::span<std::byte* const> destinations) const override {
    const std::int32_t length = decoded.shape[0];
    if (destinations[0] != nullptr) write_filled(decoded.as<std::int32_t>(), 0, config_.max_length, destinations[0]);
    if (config_.emit_length && destinations[1] != nullptr) std::memcpy(destinations[1], &length, sizeof length);
  }

 private:
  Config config_;
  std::map<char32_t, std::int32_t> places_;
};

const ExtractorOnShelf<CharMap> registered("char_map", "a text as the positions of its characters in an alphabet");

}  // namespace
}  // namespace aeon
