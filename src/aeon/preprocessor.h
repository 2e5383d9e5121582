#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "aeon/config.h"
#include "aeon/memory.h"
#include "tensor/tensor.h"

namespace aeon {

/// One input's bytes to one sample, exactly as evaluation does it: for predictions. Threads: one caller at a time; make
/// one for each thread.
class Preprocessor {
 public:
  /// Errors: as check().
  explicit Preprocessor(const LoaderConfig& config);
  ~Preprocessor();
  Preprocessor(Preprocessor&&) noexcept;
  Preprocessor& operator=(Preprocessor&&) noexcept;

  /// From now on large inputs take the memory that decoding them needs from there; it outlives this.
  void take_memory_from(SharedMemory& memory);

  const tensor::Shape& sample_shape() const;
  tensor::Dtype sample_dtype() const;
  std::size_t sample_bytes() const;

  /// Writes sample_bytes() bytes to `destination`. Errors: invalid_argument saying what is wrong with the input;
  /// too_large when decoding it needs more than the memory.
  void write(std::string_view bytes, void* destination);

  /// The other way: samples one after the other as a PNG, about as many rows as columns, 2 pixels apart. Empty where
  /// samples are no pictures.
  std::string picture(std::span<const float> samples) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aeon
