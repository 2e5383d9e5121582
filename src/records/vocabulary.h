#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace records {

/// A vocabulary file holds the tokens that a model knows, one a line, that of number 0 first. Errors: those of
/// base::read_text; invalid_argument for a blank line that is not at the end, naming the line.
std::vector<std::string> read_vocabulary(const std::filesystem::path& file);

/// A model file's text with every `vocabulary_file: NAME` replaced by `vocabulary: [...]`, so that it needs no other
/// file. Names are relative to `folder`; lines stay lines. Errors: those of read_vocabulary, with the line.
std::string with_vocabularies(std::string_view yaml, const std::filesystem::path& folder, std::string_view name);

/// The same with files that are read in another way. Errors: also those of `read`, with the line.
using ReadVocabulary = std::function<std::vector<std::string>(std::string_view file)>;
std::string with_vocabularies(std::string_view yaml, std::string_view name, const ReadVocabulary& read);

}  // namespace records
