#pragma once
#include "aeon/preprocessor.h"
#include "neon/sequence_writer.h"

namespace job {

/// A model that writes texts after what it reads: it knows which of its inputs is the text and with which tokens it
/// begins and ends. Threads: one caller at a time.
class TextWriter {
 public:
  /// `preprocessor` must live as long. Errors: invalid_argument saying why the model writes no texts.
  TextWriter(const neon::Checkpoint& checkpoint, const aeon::Preprocessor& preprocessor, int threads);

  /// Nothing where the model writes no texts, or is not given anything but them.
  static std::unique_ptr<TextWriter> after_reading(const neon::Checkpoint& checkpoint,
                                                   const aeon::Preprocessor& preprocessor, int threads);

  /// Which of the preprocessor's names() is the text.
  std::size_t told_name() const { return told_name_; }
  /// Steps of the texts that it was trained with.
  std::int64_t trained_steps() const;

  /// What goes on after `text`, which may be empty where texts have a start token. `read` are the model's inputs; that
  /// of the text is not looked at. `options.end` is the writer's to set.
  std::vector<neon::Written> write(std::span<const std::byte* const> read, std::string_view text,
                                   neon::WritingOptions options);
  /// As it goes on after `before`.
  std::string text_of(const neon::Written& written, std::string_view before = "") const;

 private:
  neon::SequenceWriter writer_;
  const aeon::TextCoding* coding_;
  std::size_t told_name_ = 0;
};

}  // namespace job
