#include "job/text_writer.h"

#include <fmt/format.h>

#include "base/error.h"

namespace job {

TextWriter::TextWriter(const neon::Checkpoint& checkpoint, const aeon::Preprocessor& preprocessor, int threads)
    : writer_(checkpoint, {.threads = threads, .inputs = preprocessor.inputs()}),
      coding_(preprocessor.coding_of(writer_.telling().input)),
      told_name_(preprocessor.name_of(writer_.telling().input)) {
  if (coding_ == nullptr)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the model does not write texts: its input '{}' is no column of type text",
                                  preprocessor.names()[told_name_]));
}

std::unique_ptr<TextWriter> TextWriter::after_reading(const neon::Checkpoint& checkpoint,
                                                      const aeon::Preprocessor& preprocessor, int threads) {
  if (preprocessor.names().size() < 2) return nullptr;
  try {
    return std::make_unique<TextWriter>(checkpoint, preprocessor, threads);
  } catch (const base::Error&) {  // it says something else of what it is given
    return nullptr;
  }
}

std::string TextWriter::text_of(const neon::Written& written, std::string_view before) const {
  const std::string text = coding_->text_of(written.tokens);
  const bool apart = before.empty() || before.ends_with(' ') || before.ends_with('\n') || text.empty();
  return (coding_->separates() && !apart ? " " : "") + text;
}

std::int64_t TextWriter::trained_steps() const {
  const neon::Graph& graph = writer_.graph();
  return graph.spec_of(graph.inputs[writer_.telling().input]).shape.back();
}

std::vector<neon::Written> TextWriter::write(std::span<const std::byte* const> read, std::string_view text,
                                             neon::WritingOptions options) {
  options.end = coding_->end();
  const std::vector<std::int32_t> told = coding_->tokens_of(text);
  if (told.empty())
    throw base::Error(base::Code::invalid_argument,
                      "the model's texts have no start token (`start` of the text column), so it needs a text to go on "
                      "from");
  return writer_.write(read, told, options);
}

}  // namespace job
