#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "records/manifest.h"

namespace records {

/// A run of records in one block of bytes, in transit and on disk: element bytes plus the name each record had in its
/// manifest, so that later errors can name it. The same records give the same bytes. Layout: docs/formats/shard.md.
class ShardWriter {
 public:
  explicit ShardWriter(std::vector<ElementType> types);
  /// Errors: invalid_argument when there is not one element per column.
  void add(std::string_view name, std::span<const std::string> elements);
  std::int64_t record_count() const;
  std::size_t size_bytes() const;  ///< of what finish() would give now
  std::string finish();            ///< the shard; the writer is empty afterwards
 private:
  std::vector<ElementType> types_;
  std::vector<std::uint64_t> ends_;  // of names and elements, in data_
  std::string data_;
};

/// Reads a shard in place. `bytes` must outlive it. Errors: data_loss naming `what` for bytes that are no whole, valid
/// shard (every offset is checked here, so that access needs no checks).
class ShardReader {
 public:
  ShardReader(std::string_view bytes, std::string_view what);
  const std::vector<ElementType>& types() const { return types_; }
  std::int64_t record_count() const { return record_count_; }
  std::string_view name(std::int64_t record) const;
  std::string_view element(std::int64_t record, std::size_t column) const;

 private:
  std::string_view piece(std::int64_t index) const;
  std::string_view table_, data_;
  std::vector<ElementType> types_;
  std::int64_t record_count_ = 0;
};

}  // namespace records
