#include "records/vocabulary.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"
#include "records/labels.h"

namespace records {
namespace {

constexpr std::string_view kKey = "vocabulary_file:";

/// Where the key stands in a line as a key of its own and not in a comment; npos where it does not.
std::size_t key_in(std::string_view line) {
  for (std::size_t at = line.find(kKey); at != line.npos; at = line.find(kKey, at + 1)) {
    const bool begins = at == 0 || std::string_view(" \t{,-").find(line[at - 1]) != std::string_view::npos;
    if (begins && line.substr(0, at).find('#') == line.npos) return at;
  }
  return line.npos;
}

/// A plain or quoted scalar at the beginning of `rest`, cut off from it.
std::string_view scalar_of(std::string_view& rest) {
  const std::size_t begin = rest.find_first_not_of(" \t");
  if (begin == rest.npos) return {};
  rest.remove_prefix(begin);
  const bool quoted = rest[0] == '"' || rest[0] == '\'';
  const std::size_t end = quoted ? rest.find(rest[0], 1) : rest.find_first_of(",}#");
  std::string_view word = rest.substr(quoted ? 1 : 0, end == rest.npos ? rest.npos : end - (quoted ? 1 : 0));
  rest.remove_prefix(end == rest.npos ? rest.size() : end + (quoted ? 1 : 0));
  while (!quoted && !word.empty() && (word.back() == ' ' || word.back() == '\t' || word.back() == '\r'))
    word.remove_suffix(1);
  return word;
}

}  // namespace

std::vector<std::string> read_vocabulary(const std::filesystem::path& file) { return read_labels(file); }

std::string with_vocabularies(std::string_view yaml, const std::filesystem::path& folder, std::string_view name) {
  return with_vocabularies(yaml, name, [&](std::string_view file) { return read_vocabulary(folder / file); });
}

std::string with_vocabularies(std::string_view yaml, std::string_view name, const ReadVocabulary& read) {
  std::string text;
  std::int64_t number = 0;
  while (!yaml.empty()) {
    const std::size_t end = yaml.find('\n');
    std::string_view line = yaml.substr(0, end);
    yaml.remove_prefix(end == yaml.npos ? yaml.size() : end + 1);
    ++number;
    for (std::size_t at; (at = key_in(line)) != line.npos;) {
      text += line.substr(0, at);
      line.remove_prefix(at + kKey.size());
      const std::string_view file = scalar_of(line);
      try {
        text += fmt::format("vocabulary: {}", base::to_text(base::encode(read(file))));
      } catch (base::Error& error) {
        error.message = fmt::format("{} ({}:{})", error.message, name, number);
        throw;
      }
    }
    text += line;
    if (end != std::string_view::npos) text += '\n';
  }
  return text;
}

}  // namespace records
