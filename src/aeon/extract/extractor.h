#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "aeon/config.h"
#include "aeon/memory.h"
#include "records/manifest.h"
#include "tensor/tensor.h"

namespace aeon {

/// One decoded element, before anything random: (height, width, channels), 8 bits each, row-major. This is what the
/// decoded cache keeps.
struct DecodedView {
  std::int32_t height = 1, width = 1, channels = 1;
  const std::uint8_t* bytes = nullptr;
  std::size_t size() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  }
};

/// A decoded element that owns its bytes. Decoding into the same one again reuses them.
struct Decoded {
  std::int32_t height = 1, width = 1, channels = 1;
  std::vector<std::uint8_t> bytes;
  SharedMemory* memory = nullptr;  ///< where large elements take their memory from; none: from wherever it is
  SharedMemory::Lease lease;

  DecodedView view() const { return {height, width, channels, bytes.data()}; }

  /// Makes room for an element, and for `beside` bytes that its decoder needs meanwhile. Errors: as SharedMemory::take.
  void allot(std::int64_t element_height, std::int64_t element_width, int element_channels, std::int64_t beside = 0);

  /// The element is no longer needed: keeps a small one's memory for the next, gives a large one's back.
  void settle();
};

/// What the random draws of one record depend on, and nothing else.
struct DrawKey {
  std::uint64_t seed = 0, epoch = 0, record = 0;
};

/// Memory that one thread reuses from record to record.
struct Scratch {
  std::vector<std::uint8_t> padded, resized;
  std::vector<std::int32_t> columns, lines;  // of a resize

  /// As Decoded::settle.
  void settle();
};

enum class Role { input, target };

/// Turns one column's bytes into the numbers of one sample. Threads: any number at once, each with its own Scratch.
class Extractor {
 public:
  virtual ~Extractor() = default;
  virtual Role role() const = 0;
  virtual tensor::Shape shape() const = 0;  ///< of one sample; empty for a single number
  virtual tensor::Dtype dtype() const = 0;

  /// Whether a column of this type can be read at all. Errors: invalid_argument saying what to change.
  virtual void check_column(records::ElementType /*type*/) const {}

  /// Errors: invalid_argument saying what is wrong with the bytes.
  virtual void decode(std::string_view bytes, Decoded& decoded) const = 0;

  /// Writes one sample. Without a key nothing is random, as in evaluation. Errors: invalid_argument.
  virtual void write(const DecodedView& decoded, const DrawKey* key, Scratch& scratch,
                     std::byte* destination) const = 0;

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

/// All extractors of a configuration, in column order.
struct Extraction {
  std::vector<std::unique_ptr<Extractor>> columns;
  std::size_t input = 0;  ///< the column of the input
  int target = -1;        ///< the column of the target, or -1
  explicit Extraction(const LoaderConfig& config);
};

}  // namespace aeon
