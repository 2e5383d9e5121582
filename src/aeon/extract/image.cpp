#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "aeon/augment/augmentation.h"
#include "aeon/extract/extractor.h"
#include "aeon/extract/image_decoder.h"
#include "aeon/extract/resize.h"
#include "base/error.h"

namespace aeon {

enum class ImageOutput { float_, uint8 };
constexpr auto enumerators(ImageOutput) {
  return std::array{std::pair{ImageOutput::float_, "float"}, std::pair{ImageOutput::uint8, "uint8_t"}};
}

namespace {

using base::Code;
using base::Error;

/// An image file's pixels: decoded, cut, resized, changed, and written as numbers in the network's layout.
class Image final : public Extractor {
 public:
  struct Config {
    std::int32_t height = 0, width = 0, channels = 3;
    bool channel_major = true;
    ImageOutput output_type = ImageOutput::float_;
    bool bgr_to_rgb = false;
    static constexpr auto fields() {
      return std::tuple(
          base::field("height", &Config::height, "of the output, in pixels").required().range(1, 65535),
          base::field("width", &Config::width, "of the output, in pixels").required().range(1, 65535),
          base::field("channels", &Config::channels, "1 (gray) or 3").range(1, 3),
          base::field("channel_major", &Config::channel_major, "true: (c, h, w); false: (h, w, c)"),
          base::field("output_type", &Config::output_type,
                      "float or uint8_t; float holds 0 to 255 unless mean and stddev are given"),
          base::field("bgr_to_rgb", &Config::bgr_to_rgb, "channels in the order r, g, b; without it b, g, r"));
    }
  };

  Image(const Config& config, const LoaderConfig& loader, std::string_view where) : config_(config) {
    if (config.channels == 2)
      throw Error(Code::invalid_argument, "channels must be 1 or 3, got 2", base::pointer_to(where, "channels"));
    if (config.bgr_to_rgb && config.channels != 3)
      throw Error(Code::invalid_argument, fmt::format("bgr_to_rgb needs channels: 3, got {}", config.channels),
                  base::pointer_to(where, "bgr_to_rgb"));
    if (std::int64_t{config.height} * config.width > kMaxImagePixels)
      throw Error(
          Code::invalid_argument,
          fmt::format("{} by {} is over {} million pixels", config.width, config.height, kMaxImagePixels / 1'000'000),
          base::pointer_to(where, "height"));
    const ImageTarget target{config.height, config.width, config.channels, config.output_type == ImageOutput::float_};
    const AugmentationEntry* augmentation = loader.augmentation_of("image");
    augmentations_ = augmentation == nullptr ? Augmentations::make({}, target, "/augmentation")
                                             : Augmentations::make(augmentation->config, target, augmentation->where);
    if (target.is_float) tabulate();
  }

  Role role() const override { return Role::input; }
  std::vector<ExtractedTensor> tensors() const override {
    const tensor::Shape shape = config_.channel_major ? tensor::Shape{config_.channels, config_.height, config_.width}
                                                      : tensor::Shape{config_.height, config_.width, config_.channels};
    return {{{"image", shape, is_float() ? tensor::Dtype::f32 : tensor::Dtype::u8}}};
  }

  void decode(std::string_view bytes, Scratch&, Decoded& decoded) const override {
    decode_image(bytes, config_.channels, decoded);
  }

  void write(const DecodedView& decoded, const Draw& draw, Scratch& scratch,
             std::span<std::byte* const> destinations) const override {
    const Recipe recipe = draw_recipe(augmentations_, draw, decoded.shape[0], decoded.shape[1]);
    PixelView pixels = cut(decoded, recipe, scratch);
    if (pixels.width != config_.width || pixels.height != config_.height || recipe.step_count > 0)
      pixels = change(pixels, recipe, scratch);
    if (is_float())
      lay_out(pixels, recipe.mirrored, reinterpret_cast<float*>(destinations[0]),
              [this](std::int32_t channel, std::uint8_t value) {
                return table_[static_cast<std::size_t>(channel)][value];
              });
    else
      lay_out(pixels, recipe.mirrored, reinterpret_cast<std::uint8_t*>(destinations[0]),
              [](std::int32_t, std::uint8_t value) { return value; });
  }

  std::optional<std::array<std::int32_t, 2>> image_size(const DecodedView& decoded) const override {
    return std::array{decoded.shape[0], decoded.shape[1]};
  }

  /// Each number as the 8-bit value whose number is nearest.
  bool draw(std::span<const float> sample, Decoded& picture) const override {
    if (!is_float()) return false;
    picture.allot(tensor::Dtype::u8, {config_.height, config_.width, config_.channels});
    const auto channels = static_cast<std::size_t>(config_.channels), plane = sample.size() / channels;
    for (std::size_t c = 0; c < channels; ++c) {
      const std::array<float, 256>& table = table_[c];
      for (std::size_t i = 0; i < plane; ++i) {
        const float number = config_.channel_major ? sample[c * plane + i] : sample[i * channels + c];
        const auto above =
            static_cast<std::size_t>(std::lower_bound(table.begin(), table.end(), number) - table.begin());
        const bool below = above == 256 || (above > 0 && number - table[above - 1] < table[above] - number);
        picture.bytes[i * channels + (config_.bgr_to_rgb ? channels - 1 - c : c)] =
            static_cast<std::uint8_t>(below ? above - 1 : above);
      }
    }
    return true;
  }

 private:
  bool is_float() const { return config_.output_type == ImageOutput::float_; }

  // The number for each 8-bit value: exact on every CPU, and quicker than two divisions a pixel.
  void tabulate() {
    for (std::size_t channel = 0; channel < static_cast<std::size_t>(config_.channels); ++channel)
      for (std::size_t value = 0; value < 256; ++value) {
        double number = static_cast<double>(value);
        for (const auto& made : augmentations_) number = made.augmentation->finish(channel, number);
        table_[channel][value] = static_cast<float>(number);
      }
  }

  // The recipe's box, in place when it lies inside the image, else copied with zeros around.
  static PixelView cut(const DecodedView& image, const Recipe& recipe, Scratch& scratch) {
    const std::int32_t height = image.shape[0], width = image.shape[1], depth = image.shape[2];
    const auto channels = static_cast<std::size_t>(depth);
    const std::size_t stride = static_cast<std::size_t>(width) * channels;
    const auto at = [&](std::int32_t y, std::int32_t x) {
      return image.bytes + static_cast<std::size_t>(y) * stride + static_cast<std::size_t>(x) * channels;
    };
    const bool inside =
        recipe.x >= 0 && recipe.y >= 0 && recipe.x + recipe.width <= width && recipe.y + recipe.height <= height;
    if (inside) return {at(recipe.y, recipe.x), recipe.height, recipe.width, depth, stride};
    const std::size_t box_stride = static_cast<std::size_t>(recipe.width) * channels;
    scratch.padded.assign(box_stride * static_cast<std::size_t>(recipe.height), 0);
    const std::int32_t x0 = std::max(recipe.x, 0), x1 = std::min(recipe.x + recipe.width, width);
    const std::int32_t y0 = std::max(recipe.y, 0), y1 = std::min(recipe.y + recipe.height, height);
    for (std::int32_t y = y0; y < y1 && x0 < x1; ++y)
      std::memcpy(&scratch.padded[static_cast<std::size_t>(y - recipe.y) * box_stride +
                                  static_cast<std::size_t>(x0 - recipe.x) * channels],
                  at(y, x0), static_cast<std::size_t>(x1 - x0) * channels);
    return {scratch.padded.data(), recipe.height, recipe.width, depth, box_stride};
  }

  // Resized to the output's size, then the recipe's steps.
  PixelView change(const PixelView& pixels, const Recipe& recipe, Scratch& scratch) const {
    const std::size_t stride = static_cast<std::size_t>(config_.width) * static_cast<std::size_t>(config_.channels);
    scratch.resized.resize(stride * static_cast<std::size_t>(config_.height));
    if (pixels.width == config_.width && pixels.height == config_.height)
      for (std::int32_t y = 0; y < config_.height; ++y)
        std::memcpy(&scratch.resized[static_cast<std::size_t>(y) * stride],
                    pixels.data + static_cast<std::size_t>(y) * pixels.stride, stride);
    else
      resize_linear(pixels, config_.height, config_.width, scratch.resized.data(), scratch);
    for (std::size_t i = 0; i < recipe.step_count; ++i)
      recipe.steps[i].by->apply(recipe.steps[i].values, scratch.resized, config_.channels);
    return {scratch.resized.data(), config_.height, config_.width, config_.channels, stride};
  }

  // One pass over the output: mirror, channel order, layout, type.
  template <class Number, class Convert>
  void lay_out(const PixelView& pixels, bool mirrored, Number* dst, Convert convert) const {
    const std::int32_t channels = config_.channels;
    const std::ptrdiff_t step = mirrored ? -channels : channels;
    const std::ptrdiff_t dst_step = config_.channel_major ? 1 : channels;
    const std::size_t plane = static_cast<std::size_t>(config_.width) * static_cast<std::size_t>(config_.height);
    // Rows without gaps are one long row: short ones cost twice as much a pixel.
    const bool dense =
        !mirrored && pixels.stride == static_cast<std::size_t>(config_.width) * static_cast<std::size_t>(channels);
    const std::int32_t rows = dense ? 1 : config_.height,
                       row_pixels = dense ? config_.width * config_.height : config_.width;
    for (std::int32_t c = 0; c < channels; ++c) {
      const std::int32_t from_channel = config_.bgr_to_rgb ? channels - 1 - c : c;
      Number* to = config_.channel_major ? dst + static_cast<std::size_t>(c) * plane : dst + c;
      for (std::int32_t y = 0; y < rows; ++y) {
        const std::uint8_t* from = pixels.data + static_cast<std::size_t>(y) * pixels.stride + from_channel;
        if (mirrored) from += static_cast<std::ptrdiff_t>(config_.width - 1) * channels;
        for (std::int32_t x = 0; x < row_pixels; ++x, from += step, to += dst_step) *to = convert(c, *from);
      }
    }
  }

  Config config_;
  std::vector<Augmentations::Made> augmentations_;
  std::array<std::array<float, 256>, 3> table_{};  // [output channel][8-bit value]
};

const ExtractorOnShelf<Image> registered("image", "an image file's pixels");

}  // namespace
}  // namespace aeon
