#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fields.h"

namespace aeon {

/// What a column is to a network.
enum class Role { input, target };

constexpr auto enumerators(Role) {
  return std::array{std::pair{Role::input, "input"}, std::pair{Role::target, "target"}};
}

/// One entry of `etl`: how one manifest column becomes numbers. Which types there are, and their keys: extract/.
struct EtlEntry {
  std::string type;
  std::string name;           ///< before those of its tensors, "left.image"; may be empty
  std::optional<Role> role;   ///< absent: the type's own
  base::json::object config;  ///< the entry without these
  std::string where;          ///< JSON pointer of the entry, for errors

  /// Errors: invalid_argument for an unknown type or key (naming the nearest) or a value out of range.
  static EtlEntry from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// One entry of `augmentation`: what is done to the records of one medium. The keys of type `image` are those of all
/// files in augment/ together, those of `audio` are SoundAugmentation's.
struct AugmentationEntry {
  std::string type;
  base::json::object config;  ///< the entry without `type`
  std::string where;

  /// Errors: as EtlEntry.
  static AugmentationEntry from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// How records become batches (docs/formats/dataset-config.md).
struct LoaderConfig {
  std::vector<EtlEntry> etl;
  std::vector<AugmentationEntry> augmentation;
  std::optional<bool> shuffle_enable;
  std::optional<bool> streams;
  std::int64_t decoded_cache_bytes = 256'000'000;
  std::int64_t prefetch_batches = 4;

  static constexpr auto fields() {
    return std::tuple(
        base::field("etl", &LoaderConfig::etl, "how each manifest column is read, in column order").required(),
        base::field("augmentation", &LoaderConfig::augmentation,
                    "what is done to images and sounds: at most one entry of each type"),
        base::field("shuffle_enable", &LoaderConfig::shuffle_enable,
                    "a new random order of all records each epoch; default: true in training, false in evaluation"),
        base::field("streams", &LoaderConfig::streams,
                    "the records are one long sequence cut into pieces, in order: each row of a batch goes on where "
                    "that row of the batch before ended, so that recurrent layers can keep their states. Rows begin "
                    "equally far from each other; records at the end that fill no batch are left out; default: false"),
        base::field("decoded_cache_bytes", &LoaderConfig::decoded_cache_bytes,
                    "decoded records kept in memory so that later epochs need not decode them again; 0 for none")
            .at_least(0),
        base::field("prefetch_batches", &LoaderConfig::prefetch_batches, "batches made ahead of the training")
            .range(2, 64));
  }

  /// That of `type`, or nullptr.
  const AugmentationEntry* augmentation_of(std::string_view type) const;
};

/// Checks what one entry alone cannot show: that there is an input, that all tensors have names of their own, and that
/// the augmentation fits the images and sounds. Errors: invalid_argument with `where` as a JSON pointer.
void check(const LoaderConfig& config);

}  // namespace aeon
