#include "aeon/extract/decoded.h"

#include "aeon/extract/extractor.h"

namespace aeon {
namespace {

// What each thread keeps without asking: a picture of 1.3 million pixels in colour, a sound of two minutes.
constexpr std::int64_t kKeptBytes = std::int64_t{4} << 20;

template <class Number>
void give_back_large(std::vector<Number>& buffer) {
  if (static_cast<std::int64_t>(buffer.capacity() * sizeof(Number)) > kKeptBytes) std::vector<Number>().swap(buffer);
}

}  // namespace

void Decoded::allot(tensor::Dtype element_dtype, const Extents& element_shape, std::int64_t beside) {
  settle();
  const std::int64_t size = element_shape.count() * tensor::size_of(element_dtype);
  if (memory != nullptr && size + beside > kKeptBytes) lease = memory->take(size + beside);
  dtype = element_dtype;
  shape = element_shape;
  bytes.resize(static_cast<std::size_t>(size));
}

void Decoded::settle() {
  give_back_large(bytes);
  lease.give_back();
}

void Scratch::settle() {
  give_back_large(padded);
  give_back_large(resized);
  give_back_large(samples);
  give_back_large(frames);
  give_back_large(scaled);
}

}  // namespace aeon
