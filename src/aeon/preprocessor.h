#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aeon/config.h"
#include "aeon/memory.h"
#include "aeon/text_coding.h"
#include "tensor/batch.h"

namespace aeon {

/// What goes into one prediction, prepared exactly as evaluation does it. Threads: one caller at a time; make one for
/// each thread.
class Preprocessor {
 public:
  /// Errors: as check().
  explicit Preprocessor(const LoaderConfig& config);
  ~Preprocessor();
  Preprocessor(Preprocessor&&) noexcept;
  Preprocessor& operator=(Preprocessor&&) noexcept;

  /// From now on large inputs take the memory that decoding them needs from there; it outlives this.
  void take_memory_from(SharedMemory& memory);

  /// What a prediction is given, by name: the input columns of the records, in their order.
  const std::vector<std::string>& names() const;

  /// The tensors that they become, in the order of the network's inputs; a column may give several. And those of the
  /// targets, which predictions have none of.
  const std::vector<tensor::Column>& inputs() const;
  const std::vector<tensor::Column>& targets() const;

  /// Names of the classes, where the configuration has them.
  const std::vector<std::string>& class_names() const;

  /// Which of names() input i is made of; and how, if that is a text (else nullptr).
  std::size_t name_of(std::size_t input) const;
  const TextCoding* coding_of(std::size_t input) const;

  /// `elements`, one for each of names(), become inputs: destinations[i] gets what inputs()[i] holds. One that is not
  /// given (its data() is nullptr) leaves them as they are. Errors:
  /// invalid_argument saying what is wrong with the input, and with which when there are several; too_large when
  /// decoding it needs more than the memory.
  void write(std::span<const std::string_view> elements, std::span<std::byte* const> destinations);

  /// The other way: samples one after the other as a PNG, about as many rows as columns, 2 pixels apart. Empty where
  /// samples are no pictures.
  std::string picture(std::span<const float> samples) const;

  /// Height and width of the mask that the first target is; none when it is something else.
  std::optional<std::array<std::int64_t, 2>> mask_size() const;

  /// A mask of that size, row by row, as a gray PNG of the same numbers. Errors: invalid_argument for one over 255.
  std::string mask_picture(std::span<const std::int64_t> numbers) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aeon
