#include "records/source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/fields.h"
#include "base/files.h"
#include "records/shard.h"

namespace records {
namespace {

using base::Code;
using base::Error;

class ManifestSource final : public RecordSource {
 public:
  ManifestSource(Manifest manifest, const std::filesystem::path& root)
      : manifest_(std::move(manifest)), root_(manifest_, root) {}

  std::int64_t record_count() const override { return manifest_.record_count(); }
  const std::vector<ElementType>& types() const override { return manifest_.types; }

  void read(std::int64_t index, Record& record) const override {
    name(index, record);
    for (std::size_t column = 0; column < manifest_.types.size(); ++column) fill(index, column, record);
  }

  void read_element(std::int64_t index, std::size_t column, Record& record) const override {
    name(index, record);
    fill(index, column, record);
  }

 private:
  void name(std::int64_t index, Record& record) const {
    record.name = record_name(manifest_, index);
    record.elements.resize(manifest_.types.size());
    record.storage.resize(manifest_.types.size());
  }

  void fill(std::int64_t index, std::size_t column, Record& record) const {
    if (manifest_.types[column] == ElementType::STRING) {
      record.elements[column] = manifest_.element(index, column);
    } else {
      record.storage[column] = element_bytes(manifest_, index, column, root_);
      record.elements[column] = record.storage[column];
    }
  }

  Manifest manifest_;
  Root root_;
};

std::string type_words(const std::vector<ElementType>& types) {
  std::vector<std::string_view> words;
  for (const ElementType type : types) words.push_back(base::word(type));
  return fmt::format("{}", fmt::join(words, ", "));
}

class ShardSource final : public RecordSource {
 public:
  explicit ShardSource(const std::vector<std::filesystem::path>& shards) {
    if (shards.empty()) throw Error(Code::invalid_argument, "a dataset needs at least one shard, got none");
    files_.reserve(shards.size());
    readers_.reserve(shards.size());
    for (const std::filesystem::path& shard : shards) {
      files_.emplace_back(shard);
      const ShardReader& reader = readers_.emplace_back(files_.back().bytes(), shard.string());
      if (reader.types() != types())
        throw Error(Code::invalid_argument,
                    fmt::format("{} has columns {}, but {} has {}", shard.string(), type_words(reader.types()),
                                shards.front().string(), type_words(types())));
      ends_.push_back((ends_.empty() ? 0 : ends_.back()) + reader.record_count());
    }
  }

  std::int64_t record_count() const override { return ends_.back(); }
  const std::vector<ElementType>& types() const override { return readers_.front().types(); }

  void read(std::int64_t index, Record& record) const override {
    const auto shard = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin());
    const ShardReader& reader = readers_[shard];
    const std::int64_t local = shard == 0 ? index : index - ends_[shard - 1];
    record.name = reader.name(local);
    record.elements.resize(reader.types().size());
    for (std::size_t column = 0; column < record.elements.size(); ++column)
      record.elements[column] = reader.element(local, column);
  }

  void read_element(std::int64_t index, std::size_t /*column*/, Record& record) const override {
    read(index, record);  // nothing is copied, and only what is looked at comes from the disk
  }

 private:
  std::vector<base::MappedFile> files_;
  std::vector<ShardReader> readers_;
  std::vector<std::int64_t> ends_;  // index after each shard's last record
};

}  // namespace

std::unique_ptr<RecordSource> open_manifest(Manifest manifest, const std::filesystem::path& root) {
  return std::make_unique<ManifestSource>(std::move(manifest), root);
}

std::unique_ptr<RecordSource> open_shards(const std::vector<std::filesystem::path>& shards) {
  return std::make_unique<ShardSource>(shards);
}

}  // namespace records
