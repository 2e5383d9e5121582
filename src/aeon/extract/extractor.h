#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aeon/config.h"
#include "aeon/extract/decoded.h"
#include "aeon/extract/draw.h"
#include "aeon/extract/spectrum.h"
#include "aeon/text_coding.h"
#include "records/manifest.h"
#include "tensor/batch.h"

namespace aeon {

/// Memory that one thread reuses from record to record.
struct Scratch {
  std::vector<std::uint8_t> padded, resized;
  std::vector<std::int32_t> columns, lines;  // of a resize
  std::vector<std::int16_t> samples;         // of a sound, and its spectrum
  std::vector<float> frames, scaled;
  Spectrum::Scratch spectrum;

  /// As Decoded::settle.
  void settle();
};

/// A tensor that a column becomes, of one sample. Its shape is empty for a single number.
struct ExtractedTensor {
  tensor::Column column;
  std::optional<Role> role = {};  ///< absent: that of its column
};

/// Turns one column's bytes into numbers of one sample: one tensor, or several. Threads: any number at once, each with
/// its own Scratch.
class Extractor {
 public:
  virtual ~Extractor() = default;

  /// What it is used for where the configuration does not say.
  virtual Role role() const = 0;

  /// What it writes, named as in aeon ("char_map", "char_map_length").
  virtual std::vector<ExtractedTensor> tensors() const = 0;

  /// Names of the classes that its whole numbers stand for, in index order; empty when it knows none.
  virtual std::vector<std::string> class_names() const { return {}; }

  /// Height and width of the image that an element is, or lies over; none where it is something else.
  virtual std::optional<std::array<std::int32_t, 2>> image_size(const DecodedView& /*decoded*/) const { return {}; }

  /// Whether it is about the places of an image beside it, as masks and boxes are.
  virtual bool lies_over_an_image() const { return false; }

  /// Whether it gives a number for each pixel, (1, height, width) or (height, width, 1).
  virtual bool is_mask() const { return false; }

  /// Of texts: what their tokens are.
  virtual const TextCoding* coding() const { return nullptr; }

  /// Whether a column of this type can be read at all. Errors: invalid_argument saying what to change.
  virtual void check_column(records::ElementType /*type*/) const {}

  /// Errors: invalid_argument saying what is wrong with the bytes.
  virtual void decode(std::string_view bytes, Scratch& scratch, Decoded& decoded) const = 0;

  /// Writes one sample: to destinations[i] what tensors()[i] holds, unless nobody wants it (nullptr). Errors:
  /// invalid_argument.
  virtual void write(const DecodedView& decoded, const Draw& draw, Scratch& scratch,
                     std::span<std::byte* const> destinations) const = 0;

  /// The other way: writes the picture (b, g, r) that a sample of f32 is. False where samples are no pictures.
  virtual bool draw(std::span<const float> /*sample*/, Decoded& /*picture*/) const { return false; }
};

/// The known etl types. Members register themselves.
class Extractors {
 public:
  struct Member {
    std::string_view type, doc;
    base::json::object (*schema)();
    void (*check)(const base::json::object& config, std::string_view where);
    std::unique_ptr<Extractor> (*make)(const EtlEntry& entry, const LoaderConfig& config);
  };
  static std::map<std::string_view, Member>& members();

  /// Errors: invalid_argument naming the nearest known type.
  static const Member& find(std::string_view type, std::string_view where);
};

/// Puts T on the shelf. T::Config is a described struct; T is made from one and the whole loader configuration.
template <class T>
struct ExtractorOnShelf {
  ExtractorOnShelf(std::string_view type, std::string_view doc) {
    Extractors::members()[type] = {
        type, doc, [] { return base::schema<typename T::Config>(); },
        [](const base::json::object& config, std::string_view where) {
          base::decode<typename T::Config>(config, where);
        },
        [](const EtlEntry& entry, const LoaderConfig& config) -> std::unique_ptr<Extractor> {
          return std::make_unique<T>(base::decode<typename T::Config>(entry.config, entry.where), config, entry.where);
        }};
  }
};

/// One column of the records and where its tensors go.
struct ExtractedColumn {
  std::unique_ptr<Extractor> extractor;
  std::string name;  ///< what a prediction calls it: that of the configuration, or the type

  struct Place {
    Role role = Role::input;
    std::size_t index = 0;  ///< among the inputs or targets
  };
  std::vector<Place> places;  ///< of each of its tensors

  bool has(Role role) const;
};

/// Refuses what lies over an image of another size than the record's first. Errors: invalid_argument with both sizes.
void check_image_sizes(std::span<const ExtractedColumn> columns, std::span<const DecodedView> decoded);

/// All extractors of a configuration, in column order, and the tensors that they make together.
/// Errors: invalid_argument when the configuration does not fit itself.
struct Extraction {
  std::vector<ExtractedColumn> columns;
  std::vector<tensor::Column> inputs, targets;
  std::vector<std::string> class_names;  ///< of the first target that knows them
  explicit Extraction(const LoaderConfig& config);

 private:
  void refuse_twice(std::string_view name, const EtlEntry& entry) const;
};

}  // namespace aeon
