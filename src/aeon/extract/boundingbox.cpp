#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "aeon/augment/augmentation.h"
#include "aeon/extract/extractor.h"
#include "aeon/extract/image_decoder.h"
#include "aeon/extract/numbers.h"
#include "aeon/extract/vocabulary.h"
#include "base/error.h"
#include "base/log.h"

namespace aeon {

enum class BoxOutput { float_ };
constexpr auto enumerators(BoxOutput) { return std::array{std::pair{BoxOutput::float_, "float"}}; }

namespace {

using base::Code;
using base::Error;

/// What an element holds of one object: the box in pixels, its last ones inside, and the class.
struct Box {
  float xmin = 0, ymin = 0, xmax = 0, ymax = 0;
  float index = 0;
};
constexpr std::int64_t kBoxNumbers = sizeof(Box) / sizeof(float);

const base::json::value& member(const base::json::value& object, std::string_view name, std::string_view where) {
  const base::json::object* members = object.if_object();
  const base::json::value* found = members == nullptr ? nullptr : members->if_contains(name);
  if (found == nullptr) throw Error(Code::invalid_argument, fmt::format("'{}' missing from {}", name, where));
  return *found;
}

float number(const base::json::value& object, std::string_view name, std::string_view where) {
  const base::json::value& value = member(object, name, where);
  if (!value.is_number()) throw Error(Code::invalid_argument, fmt::format("'{}' of {} is not a number", name, where));
  return static_cast<float>(value.to_number<double>());
}

/// Boxes around the objects of an image, in the pixels of what the network sees.
class BoundingBox final : public Extractor {
 public:
  struct Config {
    std::int32_t height = 0, width = 0;
    std::int64_t max_bbox_count = 0;
    std::vector<std::string> class_names;
    BoxOutput output_type = BoxOutput::float_;
    bool emit_classes = false, emit_count = false;
    static constexpr auto fields() {
      return std::tuple(
          base::field("height", &Config::height, "of the image that the network sees, in pixels")
              .required()
              .range(1, 65535),
          base::field("width", &Config::width, "of the image that the network sees, in pixels")
              .required()
              .range(1, 65535),
          base::field("max_bbox_count", &Config::max_bbox_count, "boxes of a sample; further ones are left out")
              .required()
              .range(1, 10'000),
          base::field("class_names", &Config::class_names, "what objects may be; another name is an error")
              .required()
              .items(1, 1'000'000),
          base::field("output_type", &Config::output_type, "float; accepted because aeon has it"),
          base::field("emit_classes", &Config::emit_classes,
                      "also gives `boundingbox_class`, (max_bbox_count) i32: places in class_names, then zeros"),
          base::field("emit_count", &Config::emit_count,
                      "also gives `boundingbox_count`, (1) i32: how many boxes there are"));
    }
  };

  BoundingBox(const Config& config, const LoaderConfig& loader, std::string_view where)
      : config_(config), classes_(classes_of(config, where)) {
    augmentations_ =
        Augmentations::make_moving(loader.augmentation_of("image"), {config.height, config.width, 1, false});
  }

  Role role() const override { return Role::target; }
  bool lies_over_an_image() const override { return true; }
  std::optional<std::array<std::int32_t, 2>> image_size(const DecodedView& decoded) const override {
    const auto* image = reinterpret_cast<const Box*>(decoded.bytes);
    return std::array{static_cast<std::int32_t>(image->ymax), static_cast<std::int32_t>(image->xmax)};
  }
  std::vector<ExtractedTensor> tensors() const override {
    const std::int64_t most = config_.max_bbox_count;
    std::vector<ExtractedTensor> tensors{{{"boundingbox", {most, 4}, tensor::Dtype::f32}}};
    if (config_.emit_classes) tensors.push_back({{"boundingbox_class", {most}, tensor::Dtype::i32}});
    if (config_.emit_count) tensors.push_back({{"boundingbox_count", {1}, tensor::Dtype::i32}});
    return tensors;
  }

  /// The image's height and width in a box of their own, and then the boxes.
  void decode(std::string_view bytes, Scratch&, Decoded& decoded) const override {
    const base::json::value annotation = base::parse_json(bytes, "the annotation");
    const base::json::value& size = member(annotation, "size", "the annotation");
    Box image;
    image.xmax = number(size, "width", "size");
    image.ymax = number(size, "height", "size");
    member(size, "depth", "size");
    if (!(image.xmax >= 1 && image.xmax <= kMaxImageSide && image.ymax >= 1 && image.ymax <= kMaxImageSide))
      throw Error(Code::invalid_argument, fmt::format("an image of {} by {}", image.xmax, image.ymax));
    const base::json::array* objects = member(annotation, "object", "the annotation").if_array();
    if (objects == nullptr) throw Error(Code::invalid_argument, "'object' of the annotation is not a list");
    std::vector<Box> boxes{image};
    for (std::size_t i = 0; i < objects->size(); ++i)
      boxes.push_back(box_of((*objects)[i], fmt::format("object {}", i)));
    decoded.allot(tensor::Dtype::f32, {static_cast<std::int64_t>(boxes.size()), kBoxNumbers});
    std::memcpy(decoded.bytes.data(), boxes.data(), boxes.size() * sizeof(Box));
  }

  void write(const DecodedView& decoded, const Draw& draw, Scratch&,
             std::span<std::byte* const> destinations) const override {
    const std::span<const Box> all(reinterpret_cast<const Box*>(decoded.bytes),
                                   static_cast<std::size_t>(decoded.shape[0]));
    const Recipe recipe = draw_recipe(augmentations_, draw, static_cast<std::int32_t>(all[0].ymax),
                                      static_cast<std::int32_t>(all[0].xmax));
    const auto most = static_cast<std::size_t>(config_.max_bbox_count);
    std::vector<float> boxes;
    std::vector<std::int32_t> classes;
    for (const Box& box : all.subspan(1)) {
      if (classes.size() == most) break;
      if (const auto seen = seen_of(box, recipe)) {
        boxes.insert(boxes.end(), {seen->xmin, seen->ymin, seen->xmax, seen->ymax});
        classes.push_back(static_cast<std::int32_t>(box.index));
      }
    }
    const auto count = static_cast<std::int32_t>(classes.size());
    boxes.resize(4 * most);
    std::size_t i = 0;
    if (std::byte* to = destinations[i++]) std::memcpy(to, boxes.data(), boxes.size() * sizeof(float));
    if (config_.emit_classes)
      if (std::byte* to = destinations[i++]) write_filled(classes, 0, config_.max_bbox_count, to);
    if (config_.emit_count)
      if (std::byte* to = destinations[i++]) std::memcpy(to, &count, sizeof count);
  }

 private:
  static Vocabulary classes_of(const Config& config, std::string_view where) {
    try {
      return Vocabulary(config.class_names);
    } catch (Error& error) {
      error.where = base::pointer_to(where, "class_names");
      throw;
    }
  }

  Box box_of(const base::json::value& object, const std::string& where) const {
    const base::json::value& edges = member(object, "bndbox", where);
    Box box{number(edges, "xmin", where), number(edges, "ymin", where), number(edges, "xmax", where),
            number(edges, "ymax", where)};
    if (box.xmin > box.xmax || box.ymin > box.ymax)
      throw Error(Code::invalid_argument,
                  fmt::format("the box of {} ends before it begins: x from {} to {}, y from {} to {}", where, box.xmin,
                              box.xmax, box.ymin, box.ymax));
    const base::json::string* name = member(object, "name", where).if_string();
    const auto index = name == nullptr ? std::nullopt : classes_.find(*name);
    if (!index)
      throw Error(Code::invalid_argument,
                  fmt::format("label '{}' of {} is none of class_names",
                              name == nullptr ? "?" : base::printable(std::string_view(*name), 80), where));
    box.index = static_cast<float>(*index);
    return box;
  }

  /// The box in the pixels of the output; none where all of it is cut off.
  std::optional<Box> seen_of(const Box& box, const Recipe& recipe) const {
    const auto width = static_cast<float>(recipe.width), height = static_cast<float>(recipe.height);
    Box seen = box;
    seen.xmin -= static_cast<float>(recipe.x), seen.xmax -= static_cast<float>(recipe.x);
    seen.ymin -= static_cast<float>(recipe.y), seen.ymax -= static_cast<float>(recipe.y);
    if (seen.xmax < 0 || seen.ymax < 0 || seen.xmin > width - 1 || seen.ymin > height - 1) return {};
    seen.xmin = std::max(seen.xmin, 0.0f), seen.xmax = std::min(seen.xmax, width - 1);
    seen.ymin = std::max(seen.ymin, 0.0f), seen.ymax = std::min(seen.ymax, height - 1);
    if (recipe.mirrored) {
      const float left = width - 1 - seen.xmax;
      seen.xmax = width - 1 - seen.xmin;
      seen.xmin = left;
    }
    const float x = static_cast<float>(config_.width) / width, y = static_cast<float>(config_.height) / height;
    return Box{seen.xmin * x, seen.ymin * y, (seen.xmax + 1) * x - 1, (seen.ymax + 1) * y - 1, box.index};
  }

  Config config_;
  Vocabulary classes_;
  std::vector<Augmentations::Made> augmentations_;
};

const ExtractorOnShelf<BoundingBox> registered("boundingbox", "boxes around the objects of an image");

}  // namespace
}  // namespace aeon
