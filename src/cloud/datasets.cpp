#include "cloud/datasets.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cloud/names.h"

namespace cloud {

std::int64_t dataset_id_of(Database& db, std::int64_t tenant_id, std::string_view reference) {
  const auto id = id_in(reference);
  const std::int64_t found =
      id ? db.number("select id from datasets where tenant_id = ? and id = ?", tenant_id, *id)
         : db.number("select id from datasets where tenant_id = ? and name = ?", tenant_id, reference);
  if (found == 0)
    throw base::Error(base::Code::not_found,
                      fmt::format("no dataset '{}'; see: ncloud dataset ls", base::printable(reference, 80)));
  return found;
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

}  // namespace cloud
