#include "aeon/preprocessor.h"

#include "aeon/extract/extractor.h"

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

}  // namespace aeon
