#include "cloud/datasets.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cloud/names.h"

namespace cloud {

std::int64_t dataset_id_of(Database& db, std::int64_t tenant_id, std::string_view reference) {
  return named_id_of(db, {"datasets", "dataset"}, tenant_id, reference);
}

api::Dataset dataset_with(Database& db, std::int64_t id, Labels labels) {
  api::Dataset dataset = *db.first(
      "select id, name, state, record_count, types, created_us from datasets where id = ?",
      [](const Row& row) {
        return api::Dataset{.id = row.integer(0),
                            .name = row.text(1),
                            .state = base::decode<api::DatasetState>(base::json::value(row.text(2))),
                            .record_count = row.integer(3),
                            .types = base::decode<std::vector<std::string>>(base::parse_json(row.text(4), "types")),
                            .created_at = base::rfc3339(row.integer(5))};
      },
      id);
  if (labels == Labels::load)
    dataset.labels = *db.first(
        "select labels from datasets where id = ?",
        [](const Row& row) { return base::decode<std::vector<std::string>>(base::parse_json(row.text(0), "labels")); },
        id);
  db.first(
      "select coalesce(sum(record_count), 0), coalesce(sum(size_bytes), 0) from shards where dataset_id = ?",
      [&](const Row& row) {
        dataset.records_received = row.integer(0);
        dataset.size_bytes = row.integer(1);
        return 0;
      },
      id);
  return dataset;
}

std::vector<std::string> shards_of(Database& db, std::int64_t dataset_id) {
  return db.all(
      "select sha256 from shards where dataset_id = ? order by first_record",
      [](const Row& row) { return row.text(0); }, dataset_id);
}

std::string content_of(Database& db, std::int64_t dataset_id) {
  base::Sha256 content;
  db.first(
      "select types, labels from datasets where id = ?",
      [&](const Row& row) {
        content.add(row.text(0) + '\n' + row.text(1));
        return 0;
      },
      dataset_id);
  db.all(
      "select first_record, sha256 from shards where dataset_id = ? order by first_record",
      [&](const Row& row) {
        content.add(fmt::format("\n{} {}", row.integer(0), row.text(1)));
        return 0;
      },
      dataset_id);
  return content.finish();
}

std::string difference_of(const api::Dataset& a, const api::Dataset& b) {
  if (a.labels.empty() || b.labels.empty() || a.labels == b.labels) return {};
  const auto [mine, other] = std::mismatch(a.labels.begin(), a.labels.end(), b.labels.begin(), b.labels.end());
  const auto at = [&](const api::Dataset& dataset, auto position) {
    return position == dataset.labels.end()
               ? fmt::format("'{}' ends with {} names, the last of them '{}'", dataset.name, dataset.labels.size(),
                             base::printable(dataset.labels.back()))
               : fmt::format("'{}' has '{}'", dataset.name, base::printable(*position));
  };
  return fmt::format("at index {} {}, and {}", mine - a.labels.begin(), at(a, mine), at(b, other));
}

}  // namespace cloud
