#include "cloud/datasets.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cloud/answers.h"
#include "cloud/handlers/handlers.h"
#include "cloud/models.h"
#include "cloud/names.h"
#include "cloud/tenants.h"
#include "records/shard.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kMaxLabelsBytes = std::size_t{1} << 20;  // of all together

std::vector<std::string> words_of(const std::vector<records::ElementType>& types) {
  std::vector<std::string> words;
  for (const records::ElementType type : types) words.emplace_back(base::word(type));
  return words;
}

void check_announcement(const api::CreateDataset& request) {
  static_assert(records::kMaxColumns == 255);  // as the contract says
  base::decode<std::vector<records::ElementType>>(base::encode(request.types), "/types");
  std::size_t bytes = 0;
  for (const std::string& label : request.labels) bytes += label.size();
  if (bytes > kMaxLabelsBytes)
    throw Error(Code::too_large, fmt::format("the labels may have {} bytes in all, got {}", kMaxLabelsBytes, bytes),
                "/labels");
  const std::set<std::string_view> distinct(request.labels.begin(), request.labels.end());
  if (distinct.size() != request.labels.size())
    throw Error(Code::invalid_argument, "two labels have the same name", "/labels");
}

api::Dataset create(const Parts& parts, const api::Call& call, const api::CreateDataset& request) {
  check_announcement(request);
  parts.objects.require_room(0);
  const std::int64_t tenant = call.identity.tenant_id;
  return parts.store.write([&](Database& db) {
    const std::int64_t known =
        db.number("select id from datasets where tenant_id = ? and name = ?", tenant, request.name);
    if (known != 0) {
      const api::Dataset dataset = dataset_with(db, known);
      const bool same = dataset.types == request.types && dataset.labels == request.labels &&
                        dataset.record_count == request.record_count &&
                        db.number("select count(*) from datasets where id = ? and manifest_sha256 = ?", known,
                                  request.manifest_sha256) > 0;
      if (same && dataset.state == api::DatasetState::uploading) return dataset;
      const std::string why = dataset.state == api::DatasetState::ready
                                  ? "already"
                                  : "already, whose upload of another manifest is unfinished";
      throw Error(Code::conflict,
                  fmt::format("there is a dataset '{0}' {1}; choose another name or remove it: ncloud dataset rm {0}",
                              request.name, why),
                  "/name");
    }
    check_count(db, tenant, Counted::datasets);
    const std::int64_t id = db.number(
        "insert into datasets (tenant_id, name, state, record_count, types, labels, manifest_sha256, created_us) "
        "values (?, ?, ?, ?, ?, ?, ?, ?) returning id",
        tenant, request.name, api::DatasetState::uploading, request.record_count,
        base::to_text(base::encode(request.types)), base::to_text(base::encode(request.labels)),
        request.manifest_sha256, base::wall_now_us());
    return kept_answer(db, call, dataset_with(db, id));
  });
}

// Everything about a shard that its bytes alone tell. What arrives damaged is the sender's error, not lost data.
std::int64_t check_shard(std::string_view bytes, const api::PutShard& request, const api::Dataset& dataset) {
  const std::string what = fmt::format("shard of records from {} on", request.first_record);
  const std::string found = base::sha256(bytes);
  if (found != request.sha256)
    throw Error(Code::invalid_argument, fmt::format("{} arrived with SHA-256 {}, announced was {}; send it again", what,
                                                    found, request.sha256));
  try {
    const records::ShardReader reader(bytes, what);
    if (words_of(reader.types()) != dataset.types)
      throw Error(Code::invalid_argument,
                  fmt::format("{} has columns {}, dataset '{}' has {}", what, fmt::join(words_of(reader.types()), ", "),
                              dataset.name, fmt::join(dataset.types, ", ")));
    if (reader.record_count() == 0) throw Error(Code::invalid_argument, what + " has no records");
    if (request.first_record > dataset.record_count - reader.record_count())  // the sum may be more than fits
      throw Error(Code::invalid_argument, fmt::format("{} has {} records, but dataset '{}' ends at record {}", what,
                                                      reader.record_count(), dataset.name, dataset.record_count));
    return reader.record_count();
  } catch (const Error& error) {
    if (error.code == Code::data_loss) throw Error(Code::invalid_argument, error.message);
    throw;
  }
}

// The shard that is there already, when it is the same.
std::optional<api::Shard> same_shard(Database& db, std::int64_t dataset, const api::PutShard& request) {
  return db.first(
      "select first_record, record_count, size_bytes, sha256 from shards where dataset_id = ? and first_record = ? and "
      "sha256 = ?",
      [](const Row& row) { return api::Shard{row.integer(0), row.integer(1), row.integer(2), row.text(3)}; }, dataset,
      request.first_record, request.sha256);
}

api::Shard put_shard(const Parts& parts, const api::Call& call, const api::PutShard& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  std::optional<api::Shard> known;
  const api::Dataset dataset = parts.store.read([&](Database& db) {
    const std::int64_t id = dataset_id_of(db, tenant, request.dataset);
    known = same_shard(db, id, request);
    if (!known) check_storage(db, tenant, static_cast<std::int64_t>(call.body.size()));
    return dataset_with(db, id, Labels::leave_out);
  });
  const std::int64_t count = check_shard(call.body, request, dataset);
  if (known) return *known;
  parts.objects.require_room(static_cast<std::int64_t>(call.body.size()));
  const Objects::Pin pin = parts.objects.put(call.body, request.sha256);
  return parts.store.write([&](Database& db) {
    const std::int64_t id = dataset_id_of(db, tenant, std::to_string(dataset.id));
    if (const auto same = same_shard(db, id, request)) return *same;
    const api::Dataset now = dataset_with(db, id, Labels::leave_out);
    if (now.state != api::DatasetState::uploading)
      throw Error(Code::conflict, fmt::format("dataset '{}' is complete and takes no more records", now.name));
    const std::int64_t overlapping = db.number(
        "select count(*) from shards where dataset_id = ? and first_record < ? and first_record + record_count > ?", id,
        request.first_record + count, request.first_record);
    if (overlapping > 0)
      throw Error(
          Code::conflict,
          fmt::format(
              "records {} to {} of dataset '{}' have arrived in another shard already; see: ncloud dataset shards {}",
              request.first_record, request.first_record + count - 1, now.name, now.name));
    check_storage(db, tenant, pin.size_bytes());
    parts.objects.refer(db, pin);
    db.run("insert into shards (dataset_id, first_record, record_count, size_bytes, sha256) values (?, ?, ?, ?, ?)", id,
           request.first_record, count, call.body.size(), request.sha256);
    return api::Shard{request.first_record, count, static_cast<std::int64_t>(call.body.size()), request.sha256};
  });
}

api::Dataset complete(const Parts& parts, const api::Call& call, const api::DatasetRef& request) {
  return parts.store.write([&](Database& db) {
    const std::int64_t id = dataset_id_of(db, call.identity.tenant_id, request.dataset);
    const api::Dataset dataset = dataset_with(db, id);
    // Shards never overlap and never pass the end, so counting is enough.
    if (dataset.records_received < dataset.record_count)
      throw Error(Code::conflict,
                  fmt::format("{} of {} records of dataset '{}' are missing; upload it again to send the rest",
                              dataset.record_count - dataset.records_received, dataset.record_count, dataset.name));
    db.run("update datasets set state = ? where id = ?", api::DatasetState::ready, id);
    // Models that were trained with a removed dataset that held the same go on with this one.
    db.run(
        "update model_datasets set dataset_id = ?, name = ?, content_sha256 = '' where dataset_id is null and "
        "content_sha256 = ? and model_id in (select id from models where tenant_id = ?)",
        id, dataset.name, content_of(db, id), call.identity.tenant_id);
    return dataset_with(db, id);
  });
}

struct Dependent {
  std::int64_t model;
  ModelState state;
};

// "models 1 (running), 2 (stopped) and 7 more"
std::string list_of(const std::vector<Dependent>& models) {
  constexpr std::size_t kNamed = 8;
  std::string text = models.size() == 1 ? "model " : "models ";
  for (std::size_t i = 0; i < std::min(models.size(), kNamed); ++i)
    text += fmt::format("{}{} ({})", i == 0 ? "" : ", ", models[i].model, base::word(models[i].state));
  if (models.size() > kNamed) text += fmt::format(" and {} more", models.size() - kNamed);
  return text;
}

// What becomes of the models that were trained with it when a dataset goes. Errors: conflict for those that need it
// now, and without `force` for those that may go on one day.
std::string note_for_models(Database& db, const api::Dataset& dataset, bool force) {
  const auto all = db.all(
      "select distinct m.id, m.state from models m join model_datasets u on u.model_id = m.id where u.dataset_id = ? "
      "order by m.id",
      [](const Row& row) {
        return Dependent{row.integer(0), base::decode<ModelState>(base::json::value(row.text(1)))};
      },
      dataset.id);
  std::vector<Dependent> busy, resumable;
  for (const Dependent& each : all) {
    if (in_training(each.state)) busy.push_back(each);
    if (each.state != ModelState::completed && each.state != ModelState::imported) resumable.push_back(each);
  }
  if (!busy.empty())
    throw Error(Code::conflict, fmt::format("{} uses dataset '{}'; stop it first: ncloud model stop {}", list_of(busy),
                                            dataset.name, busy.front().model));
  if (!resumable.empty() && !force)
    throw Error(
        Code::conflict,
        fmt::format("{0} could not be resumed without dataset '{1}'; remove what you need no more, or the dataset "
                    "all the same: ncloud dataset rm {1} --force",
                    list_of(resumable), dataset.name));
  if (all.empty()) return {};
  return fmt::format("{} can be trained further once the same files are uploaded again, under any name", list_of(all));
}

api::Deleted remove(const Parts& parts, const api::Call& call, const api::DeleteDataset& request) {
  std::vector<std::string> shards;
  const api::Deleted deleted = parts.store.write([&](Database& db) {
    const std::int64_t id = dataset_id_of(db, call.identity.tenant_id, request.dataset);
    const api::Dataset dataset = dataset_with(db, id, Labels::leave_out);
    const api::Deleted result{.freed_bytes = dataset.size_bytes, .note = note_for_models(db, dataset, request.force)};
    shards = shards_of(db, id);
    db.run("update model_datasets set dataset_id = null, content_sha256 = ? where dataset_id = ?", content_of(db, id),
           id);
    db.run("delete from shards where dataset_id = ?", id);
    for (const std::string& sha256 : shards) parts.objects.release(db, sha256);
    db.run("delete from datasets where id = ?", id);
    return result;
  });
  parts.objects.collect(shards);
  return deleted;
}

}  // namespace

void handle_datasets(api::Router& router, Parts parts) {
  router.handle(api::create_dataset, [parts](const api::Call& call, const api::CreateDataset& request) {
    return create(parts, call, request);
  });
  router.handle(api::put_shard, [parts](const api::Call& call, const api::PutShard& request) {
    return put_shard(parts, call, request);
  });
  router.handle(api::complete_dataset, [parts](const api::Call& call, const api::DatasetRef& request) {
    return complete(parts, call, request);
  });
  router.handle(api::delete_dataset, [parts](const api::Call& call, const api::DeleteDataset& request) {
    return remove(parts, call, request);
  });
  router.handle(api::list_shards, [parts](const api::Call& call, const api::ListShards& request) {
    const std::int64_t after = number_in_page_token(request.page_token, -1);
    return parts.store.read([&](Database& db) {
      const std::int64_t id = dataset_id_of(db, call.identity.tenant_id, request.dataset);
      auto shards = db.all(
          "select first_record, record_count, size_bytes, sha256 from shards where dataset_id = ? and first_record > ? "
          "order by "
          "first_record limit ?",
          [](const Row& row) { return api::Shard{row.integer(0), row.integer(1), row.integer(2), row.text(3)}; }, id,
          after, request.page_size + 1);
      return page_of(std::move(shards), request.page_size, [](const api::Shard& shard) { return shard.first_record; });
    });
  });
  router.handle(api::list_datasets, [parts](const api::Call& call, const api::PageRequest& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    return parts.store.read([&](Database& db) {
      const auto ids = db.all(
          "select id from datasets where tenant_id = ? and id < ? order by id desc limit ?",
          [](const Row& row) { return row.integer(0); }, call.identity.tenant_id, before, request.page_size + 1);
      std::vector<api::Dataset> datasets;
      for (const std::int64_t id : ids) datasets.push_back(dataset_with(db, id, Labels::leave_out));
      return page_of(std::move(datasets), request.page_size, [](const api::Dataset& dataset) { return dataset.id; });
    });
  });
  router.handle(api::get_dataset, [parts](const api::Call& call, const api::DatasetRef& request) {
    return parts.store.read(
        [&](Database& db) { return dataset_with(db, dataset_id_of(db, call.identity.tenant_id, request.dataset)); });
  });
}

}  // namespace cloud
