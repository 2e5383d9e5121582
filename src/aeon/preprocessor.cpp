#include "aeon/preprocessor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "aeon/extract/image_decoder.h"
#include "base/error.h"

namespace aeon {

struct Preprocessor::State {
  explicit State(const LoaderConfig& config) : extraction(config) {
    for (const ExtractedColumn& column : extraction.columns) {
      if (!column.has(Role::input)) continue;
      columns.push_back(&column);
      names.push_back(column.name);
    }
  }
  void settle() {
    decoded.settle();
    scratch.settle();
  }

  Extraction extraction;
  std::vector<const ExtractedColumn*> columns;  // the inputs
  std::vector<std::string> names;               // of these
  std::vector<std::byte*> wanted;               // of one column
  Decoded decoded;
  Scratch scratch;
};

Preprocessor::Preprocessor(const LoaderConfig& config) : state_(std::make_unique<State>(config)) {}
Preprocessor::~Preprocessor() = default;
Preprocessor::Preprocessor(Preprocessor&&) noexcept = default;
Preprocessor& Preprocessor::operator=(Preprocessor&&) noexcept = default;

void Preprocessor::take_memory_from(SharedMemory& memory) { state_->decoded.memory = &memory; }

const std::vector<std::string>& Preprocessor::names() const { return state_->names; }
const std::vector<tensor::Column>& Preprocessor::inputs() const { return state_->extraction.inputs; }
const std::vector<tensor::Column>& Preprocessor::targets() const { return state_->extraction.targets; }
std::size_t Preprocessor::name_of(std::size_t input) const {
  const auto& columns = state_->columns;
  const auto makes = [&](const ExtractedColumn* column) {
    return std::any_of(column->places.begin(), column->places.end(), [&](const ExtractedColumn::Place& place) {
      return place.role == Role::input && place.index == input;
    });
  };
  return static_cast<std::size_t>(std::find_if(columns.begin(), columns.end(), makes) - columns.begin());
}
const TextCoding* Preprocessor::coding_of(std::size_t input) const {
  return state_->columns[name_of(input)]->extractor->coding();
}
const std::vector<std::string>& Preprocessor::class_names() const { return state_->extraction.class_names; }

void Preprocessor::write(std::span<const std::string_view> elements, std::span<std::byte* const> destinations) {
  if (elements.size() != state_->columns.size())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the model takes {} inputs ({}), got {}", state_->columns.size(),
                                  fmt::join(state_->names, ", "), elements.size()));
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const ExtractedColumn& column = *state_->columns[i];
    if (elements[i].data() == nullptr) continue;
    try {
      column.extractor->decode(elements[i], state_->scratch, state_->decoded);
      state_->wanted.clear();
      for (const ExtractedColumn::Place& place : column.places)
        state_->wanted.push_back(place.role == Role::input ? destinations[place.index] : nullptr);
      column.extractor->write(state_->decoded.view(), Draw(), state_->scratch, state_->wanted);
      state_->settle();
    } catch (base::Error& error) {
      state_->settle();
      if (elements.size() > 1) error.message = fmt::format("{}: {}", column.name, error.message);
      throw;
    } catch (...) {
      state_->settle();
      throw;
    }
  }
}

std::string Preprocessor::picture(std::span<const float> samples) const {
  constexpr std::int32_t kGap = 2;
  const auto each = static_cast<std::size_t>(tensor::element_count(inputs().front().shape));
  if (samples.empty() || samples.size() % each != 0) return {};
  const auto count = static_cast<std::int32_t>(samples.size() / each);
  const auto columns = static_cast<std::int32_t>(std::ceil(std::sqrt(count)));
  const Extractor& input = *state_->columns.front()->extractor;
  Decoded one, all;
  for (std::int32_t i = 0; i < count; ++i) {
    if (!input.draw(samples.subspan(static_cast<std::size_t>(i) * each, each), one)) return {};
    const std::int32_t height = one.shape[0], width = one.shape[1], channels = one.shape[2];
    const std::int32_t down = height + kGap, right = width + kGap;
    if (i == 0)
      all.allot(tensor::Dtype::u8, {(count + columns - 1) / columns * down - kGap, columns * right - kGap, channels});
    const std::int32_t top = i / columns * down, left = i % columns * right;
    for (std::int32_t y = 0; y < height; ++y)
      std::copy_n(one.bytes.begin() + y * width * channels, width * channels,
                  all.bytes.begin() + ((top + y) * all.shape[1] + left) * channels);
  }
  return png_of(all.view());
}

std::optional<std::array<std::int64_t, 2>> Preprocessor::mask_size() const {
  for (const ExtractedColumn& column : state_->extraction.columns) {
    if (column.places.empty() || column.places[0].role != Role::target || column.places[0].index != 0) continue;
    if (!column.extractor->is_mask()) return {};
    const tensor::Shape& shape = targets().front().shape;
    return shape[0] == 1 ? std::array{shape[1], shape[2]} : std::array{shape[0], shape[1]};
  }
  return {};
}

std::string Preprocessor::mask_picture(std::span<const std::int64_t> numbers) const {
  const auto [height, width] = mask_size().value();
  Decoded mask;
  mask.allot(tensor::Dtype::u8, {height, width, 1});
  for (std::size_t i = 0; i < mask.bytes.size(); ++i) {
    if (numbers[i] > 255)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("a mask is written with numbers up to 255, and this one has {}", numbers[i]));
    mask.bytes[i] = static_cast<std::uint8_t>(numbers[i]);
  }
  return png_of(mask.view());
}

}  // namespace aeon
