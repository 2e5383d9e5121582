#include <fmt/format.h>

#include <algorithm>

#include "aeon/augment/augmentation.h"
#include "aeon/extract/extractor.h"
#include "aeon/extract/image_decoder.h"
#include "aeon/extract/numbers.h"
#include "base/error.h"

namespace aeon {
namespace {

using base::Code;
using base::Error;

/// A number for each pixel of an image, such as what it shows: cut, resized and mirrored as the image is, never mixed.
class PixelMask final : public Extractor {
 public:
  struct Config {
    std::int32_t height = 0, width = 0, channels = 1;
    bool channel_major = true;
    NumberType output_type = NumberType::int32;
    std::optional<std::int64_t> ignore;
    static constexpr auto fields() {
      return std::tuple(
          base::field("height", &Config::height, "of the output, in pixels").required().range(1, 65535),
          base::field("width", &Config::width, "of the output, in pixels").required().range(1, 65535),
          base::field("channels", &Config::channels, "1; accepted because aeon has it").range(1, 1),
          base::field("channel_major", &Config::channel_major, "true: (1, h, w); false: (h, w, 1)"),
          base::field("output_type", &Config::output_type,
                      "float and double become f32, uint8_t u8, the others i32: an index for each pixel"),
          base::field("ignore", &Config::ignore,
                      "the number of pixels that do not count, such as 255: they become 0, and the target "
                      "`pixelmask_mask`, f32 of the same shape, is 0 there and 1 elsewhere")
              .range(0, 65535));
    }
  };

  PixelMask(const Config& config, const LoaderConfig& loader, std::string_view where) : config_(config) {
    if (std::int64_t{config.height} * config.width > kMaxImagePixels)
      throw Error(
          Code::invalid_argument,
          fmt::format("{} by {} is over {} million pixels", config.width, config.height, kMaxImagePixels / 1'000'000),
          base::pointer_to(where, "height"));
    augmentations_ =
        Augmentations::make_moving(loader.augmentation_of("image"), {config.height, config.width, 1, false});
  }

  Role role() const override { return Role::target; }
  bool is_mask() const override { return true; }
  bool lies_over_an_image() const override { return true; }
  std::optional<std::array<std::int32_t, 2>> image_size(const DecodedView& decoded) const override {
    return std::array{decoded.shape[0], decoded.shape[1]};
  }
  std::vector<ExtractedTensor> tensors() const override {
    const tensor::Shape shape = config_.channel_major ? tensor::Shape{1, config_.height, config_.width}
                                                      : tensor::Shape{config_.height, config_.width, 1};
    std::vector<ExtractedTensor> tensors{{{"pixelmask", shape, dtype_of(config_.output_type)}}};
    if (config_.ignore) tensors.push_back({{"pixelmask_mask", shape, tensor::Dtype::f32}});
    return tensors;
  }

  void decode(std::string_view bytes, Scratch&, Decoded& decoded) const override {
    decode_numbers(bytes, decoded);
    if (dtype_of(config_.output_type) != tensor::Dtype::u8) return;
    for (const std::int32_t number : decoded.as<std::int32_t>())
      if (number > 255)
        throw Error(Code::invalid_argument,
                    fmt::format("the mask has the number {}, and output_type uint8_t holds 255 at most", number));
  }

  void write(const DecodedView& decoded, const Draw& draw, Scratch& scratch,
             std::span<std::byte* const> destinations) const override {
    const Recipe recipe = draw_recipe(augmentations_, draw, decoded.shape[0], decoded.shape[1]);
    place_columns(recipe, scratch.columns);
    switch (dtype_of(config_.output_type)) {
      case tensor::Dtype::f32: write_as<float>(decoded, recipe, scratch, destinations); break;
      case tensor::Dtype::u8: write_as<std::uint8_t>(decoded, recipe, scratch, destinations); break;
      case tensor::Dtype::i32: write_as<std::int32_t>(decoded, recipe, scratch, destinations); break;
    }
  }

 private:
  // The pixel that is nearest, as OpenCV's INTER_NEAREST counts; -1 where the box reaches outside.
  static std::int32_t nearest(std::int32_t i, std::int32_t begin, std::int32_t size, std::int32_t out,
                              std::int32_t all) {
    const std::int32_t inside = std::min(static_cast<std::int32_t>(std::int64_t{i} * size / out), size - 1);
    const std::int32_t at = begin + inside;
    return at >= 0 && at < all ? at : -1;
  }

  void place_columns(const Recipe& recipe, std::vector<std::int32_t>& columns) const {
    columns.resize(static_cast<std::size_t>(config_.width));
    for (std::int32_t x = 0; x < config_.width; ++x)
      columns[static_cast<std::size_t>(x)] = nearest(recipe.mirrored ? config_.width - 1 - x : x, recipe.x,
                                                     recipe.width, config_.width, recipe.input_width);
  }

  template <class Number>
  void write_as(const DecodedView& decoded, const Recipe& recipe, const Scratch& scratch,
                std::span<std::byte* const> destinations) const {
    const std::int32_t* from = decoded.as<std::int32_t>().data();
    const std::int32_t ignored = static_cast<std::int32_t>(config_.ignore.value_or(-1));
    auto* numbers = reinterpret_cast<Number*>(destinations[0]);
    auto* counts = config_.ignore ? reinterpret_cast<float*>(destinations[1]) : nullptr;
    for (std::int32_t y = 0; y < config_.height; ++y) {
      const std::int32_t row = nearest(y, recipe.y, recipe.height, config_.height, recipe.input_height);
      for (const std::int32_t column : scratch.columns) {
        const bool outside = row < 0 || column < 0;
        const std::int32_t number =
            outside ? std::max(ignored, 0) : from[std::int64_t{row} * recipe.input_width + column];
        if (numbers != nullptr) *numbers++ = static_cast<Number>(number == ignored ? 0 : number);
        if (counts != nullptr) *counts++ = number == ignored ? 0.0f : 1.0f;
      }
    }
  }

  Config config_;
  std::vector<Augmentations::Made> augmentations_;
};

const ExtractorOnShelf<PixelMask> registered("pixelmask", "a number for each pixel of an image, such as what it shows");

}  // namespace
}  // namespace aeon
