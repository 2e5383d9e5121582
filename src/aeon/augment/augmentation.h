#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "aeon/config.h"
#include "aeon/extract/draw.h"
#include "base/fields.h"
#include "base/random.h"

namespace aeon {

/// What an image becomes; the same for every record.
struct ImageTarget {
  std::int32_t height = 0, width = 0, channels = 0;
  bool is_float = true;
};

class Augmentation;

/// What is done to one image, as drawn for its record: cut out `box`, resize it to the target's size, change pixels by
/// `steps`, mirror.
struct Recipe {
  std::int32_t input_height = 0, input_width = 0;
  std::int32_t x = 0, y = 0, width = 0, height = 0;  ///< the box in the input; it may reach outside, where pixels are 0
  bool mirrored = false;

  struct Step {
    const Augmentation* by = nullptr;
    std::array<float, 4> values{};
  };
  std::array<Step, 8> steps{};  ///< the first step_count count, in order
  std::size_t step_count = 0;
  void add_step(const Augmentation& by, std::array<float, 4> values) { steps.at(step_count++) = {&by, values}; }
};

/// What an augmentation changes: where pixels lie, which masks and boxes follow, or only their values.
enum class Changes { places, values };

/// One kind of change to images. Threads: any number at once.
class Augmentation {
 public:
  virtual ~Augmentation() = default;

  /// Enters this record's parameters. Without `random` (evaluation) nothing is random: the middle crop, no mirroring,
  /// factors of 1 where the range has it, else the value of the range nearest to it.
  /// Errors: invalid_argument when the image does not fit.
  virtual void draw(base::Random* /*random*/, Recipe& /*recipe*/) const {}

  /// Changes 8-bit pixels (n, channels; b, g, r) by a step that draw() entered.
  virtual void apply(const std::array<float, 4>& /*values*/, std::span<std::uint8_t> /*pixels*/,
                     int /*channels*/) const {}

  /// The number that `value` of an output channel becomes. It is tabulated for 0..255.
  virtual double finish(std::size_t /*channel*/, double value) const { return value; }
};

/// A real or whole number drawn evenly from [range[0], range[1]]; in evaluation the number nearest to `neutral` in it.
double draw_from(const std::array<double, 2>& range, double neutral, base::Random* random);

/// Errors: invalid_argument unless low <= range[0] <= range[1] <= high.
void check_range(std::string_view key, const std::array<double, 2>& range, std::string_view where, double low,
                 double high);

/// The known augmentations, in the order in which they act. Members register themselves.
class Augmentations {
 public:
  struct Member {
    std::string_view name;
    int rank;  ///< lower acts first
    Changes changes;
    std::vector<std::string_view> keys;
    base::json::object (*schema)();
    void (*check)(const base::json::object& slice, std::string_view where);
    std::unique_ptr<Augmentation> (*make)(const base::json::object& slice, const ImageTarget& target,
                                          const base::json::object& all, std::string_view where);
  };
  struct Made {
    /// Of this member's random numbers, so that turning on one member leaves the others' as they are.
    std::uint64_t tag;
    std::unique_ptr<Augmentation> augmentation;
  };

  static std::vector<Member>& members();
  static void add(Member member);

  /// Errors: invalid_argument for a key that no member has (naming the nearest) or a wrong value.
  static void check(const base::json::object& config, std::string_view where);
  static base::json::object schema();
  static std::vector<Made> make(const base::json::object& config, const ImageTarget& target, std::string_view where);

  /// Those of the entry that move pixels: what a mask or a box beside an image is made from.
  static std::vector<Made> make_moving(const AugmentationEntry* entry, const ImageTarget& target);
};

/// The recipe for an image of a record, of the draws of `made`. Errors: invalid_argument when the image does not fit.
Recipe draw_recipe(const std::vector<Augmentations::Made>& made, const Draw& draw, std::int32_t height,
                   std::int32_t width);

/// Puts T on the shelf. T::Config is a described struct whose keys belong to T alone; T is made from (config, target,
/// the whole augmentation entry, where).
template <class T>
struct AugmentationOnShelf {
  AugmentationOnShelf(std::string_view name, int rank, Changes changes) {
    Augmentations::add({name, rank, changes, base::field_names<typename T::Config>(),
                        [] { return base::schema<typename T::Config>(); },
                        [](const base::json::object& slice, std::string_view where) {
                          base::decode<typename T::Config>(slice, where);
                        },
                        [](const base::json::object& slice, const ImageTarget& target, const base::json::object& all,
                           std::string_view where) -> std::unique_ptr<Augmentation> {
                          return std::make_unique<T>(base::decode<typename T::Config>(slice, where), target, all,
                                                     where);
                        }});
  }
};

}  // namespace aeon
