#include "aeon/preprocessor.h"

#include <algorithm>
#include <cmath>

#include "aeon/extract/image_decoder.h"

namespace aeon {

struct Preprocessor::State {
  explicit State(const LoaderConfig& config) : extraction(config), shape(input().shape()) {}
  const Extractor& input() const { return *extraction.columns[extraction.input]; }
  void settle() {
    decoded.settle();
    scratch.settle();
  }
  Extraction extraction;
  tensor::Shape shape;
  Decoded decoded;
  Scratch scratch;
};

Preprocessor::Preprocessor(const LoaderConfig& config) : state_(std::make_unique<State>(config)) {}
Preprocessor::~Preprocessor() = default;
Preprocessor::Preprocessor(Preprocessor&&) noexcept = default;
Preprocessor& Preprocessor::operator=(Preprocessor&&) noexcept = default;

void Preprocessor::take_memory_from(SharedMemory& memory) { state_->decoded.memory = &memory; }

const tensor::Shape& Preprocessor::sample_shape() const { return state_->shape; }
tensor::Dtype Preprocessor::sample_dtype() const { return state_->input().dtype(); }
std::size_t Preprocessor::sample_bytes() const {
  return static_cast<std::size_t>(tensor::element_count(state_->shape) * tensor::size_of(sample_dtype()));
}

void Preprocessor::write(std::string_view bytes, void* destination) {
  const Extractor& input = state_->input();
  try {
    input.decode(bytes, state_->decoded);
    input.write(state_->decoded.view(), nullptr, state_->scratch, static_cast<std::byte*>(destination));
    state_->settle();
  } catch (...) {
    state_->settle();
    throw;
  }
}

std::string Preprocessor::picture(std::span<const float> samples) const {
  constexpr std::int32_t kGap = 2;
  const auto each = static_cast<std::size_t>(tensor::element_count(state_->shape));
  const auto count = static_cast<std::int32_t>(samples.size() / each);
  const auto columns = static_cast<std::int32_t>(std::ceil(std::sqrt(count)));
  Decoded one, all;
  for (std::int32_t i = 0; i < count; ++i) {
    if (!state_->input().draw(samples.subspan(static_cast<std::size_t>(i) * each, each), one)) return {};
    const std::int32_t height = one.height + kGap, width = one.width + kGap;
    if (i == 0) all.allot((count + columns - 1) / columns * height - kGap, columns * width - kGap, one.channels);
    const std::int32_t top = i / columns * height, left = i % columns * width;
    for (std::int32_t y = 0; y < one.height; ++y)
      std::copy_n(one.bytes.begin() + y * one.width * one.channels, one.width * one.channels,
                  all.bytes.begin() + ((top + y) * all.width + left) * all.channels);
  }
  return png_of(all.view());
}

}  // namespace aeon
