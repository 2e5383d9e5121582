#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "records/manifest.h"

namespace records {

/// One record's bytes. The views hold as long as the Record and its source; reading into the same Record again reuses
/// its memory.
struct Record {
  std::string name;                        ///< for errors: "train/00017.png (train.tsv:18)"
  std::vector<std::string_view> elements;  ///< one per column
  std::vector<std::string> storage;        ///< owns bytes that had to be read; views may point here
};

/// A fixed list of records that can be read in any order. Threads: read() from any number at once.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  virtual std::int64_t record_count() const = 0;
  virtual const std::vector<ElementType>& types() const = 0;

  /// Errors: as element_bytes().
  virtual void read(std::int64_t index, Record& record) const = 0;

  /// As read(), but only one of the record's elements.
  virtual void read_element(std::int64_t index, std::size_t column, Record& record) const = 0;
};

/// Reads the manifest's files one by one, each when its record is read; `root` as Root's folder. Errors: not_found.
std::unique_ptr<RecordSource> open_manifest(Manifest manifest, const std::filesystem::path& root);

/// Records of shards, in order, mapped into memory. Errors: data_loss for a damaged shard, invalid_argument when their
/// column types differ or there is no shard.
std::unique_ptr<RecordSource> open_shards(const std::vector<std::filesystem::path>& shards);

}  // namespace records
