#pragma once
#include "api/operation.h"

namespace api {

enum class DatasetState { uploading, ready };
constexpr auto enumerators(DatasetState) {
  return std::array{std::pair{DatasetState::uploading, "uploading"}, std::pair{DatasetState::ready, "ready"}};
}

/// Exemplars and targets: the records of a manifest, packed into shards.
struct Dataset {
  std::int64_t id = 0;
  std::string name;
  DatasetState state = DatasetState::uploading;
  std::int64_t record_count = 0;
  std::int64_t records_received = 0;
  std::int64_t size_bytes = 0;
  std::vector<std::string> types;
  std::vector<std::string> labels;
  std::string created_at;
  static constexpr auto fields() {
    return std::tuple(
        base::field("id", &Dataset::id, "number"), base::field("name", &Dataset::name, "unique in the tenant"),
        base::field("state", &Dataset::state, "ready when every record has arrived"),
        base::field("record_count", &Dataset::record_count, "records in the manifest"),
        base::field("records_received", &Dataset::records_received, "records that are stored"),
        base::field("size_bytes", &Dataset::size_bytes, "bytes stored"),
        base::field("types", &Dataset::types, "element types of the manifest's columns"),
        base::field("labels", &Dataset::labels, "names of the classes, in index order; left out of lists"),
        base::field("created_at", &Dataset::created_at, "RFC 3339, UTC"));
  }
};

struct DatasetRef {
  std::string dataset;
  static constexpr auto fields() {
    return std::tuple(
        base::field("dataset", &DatasetRef::dataset, "id or name").like(kReference).required().positional());
  }
};

struct DeleteDataset {
  std::string dataset;
  bool force = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("dataset", &DeleteDataset::dataset, "id or name").like(kReference).required().positional(),
        base::field("force", &DeleteDataset::force,
                    "also when stopped, failed or deployed models were trained with it"));
  }
};

/// Announces an upload. The same announcement again (same name and manifest_sha256, still uploading) goes on with the
/// unfinished one.
struct CreateDataset {
  std::string name;
  std::vector<std::string> types;
  std::int64_t record_count = 0;
  std::string manifest_sha256;
  std::vector<std::string> labels;
  static constexpr auto fields() {
    return std::tuple(
        base::field("name", &CreateDataset::name, "letters, digits, '-', '_' and '.'; at most 64")
            .like(kName)
            .required()
            .such_as("fashion"),
        base::field("types", &CreateDataset::types, "element types of the columns, such as FILE and STRING")
            .like(kElementType)
            .items(1, 255)
            .required(),
        base::field("record_count", &CreateDataset::record_count, "records in the manifest")
            .required()
            .range(1, 2147483647),
        base::field("manifest_sha256", &CreateDataset::manifest_sha256, "SHA-256 of the manifest file")
            .like(kSha256)
            .required(),
        base::field("labels", &CreateDataset::labels, "names of the classes, in index order")
            .like(kLabel)
            .items(0, 100000));
  }
};

/// One shard of the records [first_record, first_record + its own count), in the format of docs/formats/shard.md.
struct PutShard {
  std::string dataset;
  std::int64_t first_record = 0;
  std::string sha256;
  static constexpr auto fields() {
    return std::tuple(
        base::field("dataset", &PutShard::dataset, "id or name").like(kReference).required(),
        base::field("first_record", &PutShard::first_record, "index of the shard's first record in the manifest")
            .required()
            .at_least(0),
        base::field("sha256", &PutShard::sha256, "SHA-256 of the shard, checked on arrival").like(kSha256).required());
  }
};

struct Shard {
  std::int64_t first_record = 0;
  std::int64_t record_count = 0;
  std::int64_t size_bytes = 0;
  std::string sha256;
  static constexpr auto fields() {
    return std::tuple(base::field("first_record", &Shard::first_record, "index in the manifest"),
                      base::field("record_count", &Shard::record_count, "records in the shard"),
                      base::field("size_bytes", &Shard::size_bytes, "bytes"),
                      base::field("sha256", &Shard::sha256, "of the shard's bytes"));
  }
};

struct Deleted {
  std::int64_t freed_bytes = 0;
  std::string note;
  static constexpr auto fields() {
    return std::tuple(base::field("freed_bytes", &Deleted::freed_bytes, "bytes given back of what the tenant stores"),
                      base::field("note", &Deleted::note, "what this means for others; empty: nothing"));
  }
};

struct ListShards {
  std::string dataset;
  int page_size = 1000;
  std::string page_token;
  static constexpr auto fields() {
    return std::tuple(
        base::field("dataset", &ListShards::dataset, "id or name").like(kReference).required().positional(),
        base::field("page_size", &ListShards::page_size, "entries at most in one answer").range(1, 1000),
        base::field("page_token", &ListShards::page_token, "next_page_token of the answer before")
            .empty_or_like(kPageToken));
  }
};

inline constexpr std::size_t kShardLimitBytes = std::size_t{64} << 20;

extern const Operation<CreateDataset, Dataset> create_dataset;
extern const Operation<PutShard, Shard, true> put_shard;
extern const Operation<ListShards, Page<Shard>> list_shards;
extern const Operation<DatasetRef, Dataset> complete_dataset;
extern const Operation<PageRequest, Page<Dataset>> list_datasets;
extern const Operation<DatasetRef, Dataset> get_dataset;
extern const Operation<DeleteDataset, Deleted> delete_dataset;

}  // namespace api
