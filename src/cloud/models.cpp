#include "cloud/models.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cloud/tenants.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;
using enum api::ModelState;

struct Transition {
  ModelState from, to;
};

constexpr Transition kTransitions[] = {
    {received, queued},        // accepted
    {received, error},         //
    {queued, running},         // its resources are there
    {queued, stopped},         // stopped before it began
    {queued, error},           // cannot be started
    {running, completed},      //
    {running, error},          //
    {running, stopped},        //
    {running, queued},         // the daemon ended; the next one goes on
    {stopped, queued},         // resumed
    {error, queued},           //
    {completed, queued},       // for more epochs
    {completed, deploying},    //
    {stopped, deploying},      //
    {imported, deploying},     //
    {deploying, deployed},     // answers
    {deploying, completed},    // given up before it answered, back to where it was
    {deploying, stopped},      //
    {deploying, imported},     //
    {deployed, deploying},     // its process ended unasked and is started again
    {deployed, undeploying},   //
    {deployed, completed},     // given up, because its process ends again and again
    {deployed, stopped},       //
    {deployed, imported},      //
    {deploying, undeploying},  //
    {undeploying, completed},  // back to where it was
    {undeploying, stopped},    //
    {undeploying, imported},   //
};

constexpr std::string_view kColumns =
    "id, tenant_id, owner, name, state, reason, epochs, epochs_completed, batch_size, seed, cpus, memory_bytes, "
    "train_cost, "
    "eval_cost, metrics, restarts, crashes_since_checkpoint, stop_requested, checkpoint_sha256, checkpoint_bytes, "
    "checkpoint_epochs, rest_state, created_us, started_us, ended_us, "
    "previous_sha256, previous_bytes, previous_epochs, job, job_event, start_sha256, priority";

ModelRow row_of(const Row& row) {
  return {.id = row.integer(0),
          .tenant_id = row.integer(1),
          .owner = row.text(2),
          .name = row.text(3),
          .state = base::decode<ModelState>(base::json::value(row.text(4))),
          .reason = row.text(5),
          .epochs = row.integer(6),
          .epochs_completed = row.integer(7),
          .batch_size = row.optional_integer(8),
          .seed = static_cast<std::uint64_t>(row.integer(9)),
          .cpus = static_cast<int>(row.integer(10)),
          .memory_bytes = row.integer(11),
          .priority = static_cast<int>(row.integer(31)),
          .train_cost = row.optional_real(12),
          .eval_cost = row.optional_real(13),
          .metrics = row.text(14),
          .restarts = static_cast<int>(row.integer(15)),
          .crashes_since_checkpoint = static_cast<int>(row.integer(16)),
          .stop_requested = row.integer(17) != 0,
          .checkpoint_sha256 = row.text(18),
          .checkpoint_bytes = row.optional_integer(19),
          .checkpoint_epochs = row.integer(20),
          .rest_state = row.text(21),
          .created_us = row.integer(22),
          .started_us = row.optional_integer(23),
          .ended_us = row.optional_integer(24),
          .previous_sha256 = row.text(25),
          .previous_bytes = row.optional_integer(26),
          .previous_epochs = row.integer(27),
          .job = row.text(28),
          .job_event = row.integer(29),
          .start_sha256 = row.text(30)};
}

std::optional<std::string> rfc3339(std::optional<std::int64_t> us) {
  return us ? std::optional(base::rfc3339(*us)) : std::nullopt;
}

}  // namespace

bool may_become(ModelState from, ModelState to) {
  for (const Transition& transition : kTransitions)
    if (transition.from == from && transition.to == to) return true;
  return false;
}

std::optional<ModelRow> find_model(Database& db, std::int64_t id) {
  static const std::string sql = fmt::format("select {} from models where id = ?", kColumns);
  return db.first(sql, row_of, id);
}

ModelRow model_of(Database& db, std::int64_t tenant_id, std::int64_t id) {
  auto row = find_model(db, id);
  if (!row || row->tenant_id != tenant_id)
    throw Error(Code::not_found, fmt::format("no model {}; see: ncloud model ls", id));
  return std::move(*row);
}

std::int64_t model_id_of(Database& db, std::int64_t tenant_id, const api::ModelKey& key) {
  if (const auto number = key.number()) return *number;
  const std::string_view name = key.text();
  constexpr std::size_t kListed = 10;
  std::vector<std::int64_t> ids = db.all(
      "select id from models where tenant_id = ? and name = ? order by id desc limit 11",
      [](const Row& row) { return row.integer(0); }, tenant_id, name);
  const std::string shown = base::printable(name.substr(0, 80));
  if (ids.empty()) throw Error(Code::not_found, fmt::format("no model '{}'; see: ncloud model ls", shown), "/model");
  if (ids.size() == 1) return ids[0];
  const bool more = ids.size() > kListed;
  if (more) ids.resize(kListed);
  throw Error(Code::conflict,
              fmt::format("several models are called '{}': say which by its number: {}{}", shown, fmt::join(ids, ", "),
                          more ? ", ..." : ""),
              "/model");
}

void load_definition(Database& db, ModelRow& row) {
  db.first(
      "select filename, yaml, labels from models where id = ?",
      [&](const Row& found) {
        row.filename = found.text(0);
        row.yaml = found.text(1);
        row.labels = base::decode<std::vector<std::string>>(base::parse_json(found.text(2), "labels"));
        return 0;
      },
      row.id);
}

std::vector<ModelRow> models_in(Database& db, const std::vector<ModelState>& states) {
  std::vector<ModelRow> rows;
  static const std::string sql = fmt::format("select {} from models where state = ? order by id", kColumns);
  for (const ModelState state : states)
    for (ModelRow& row : db.all(sql, row_of, state)) rows.push_back(std::move(row));
  return rows;
}

namespace {

// A model that waits for a training, or is in one, claims what it was submitted with.
void claim_for(Database& db, const ModelRow& row) {
  switch (row.state) {
    case queued:
      if (claim_of(db, row.id)) return wait_again(db, row.id);
      return queue_up(db, {.owner = row.id,
                           .tenant = row.tenant_id,
                           .cpus = row.cpus,
                           .memory_bytes = row.memory_bytes,
                           .priority = row.priority,
                           .since_us = base::wall_now_us()});
    case running:
    case deployed:
    case undeploying: return hold(db, row.id);
    case completed:
    case stopped:
    case imported:
    case ModelState::error: return give_back(db, row.id);
    case received:
    case deploying: break;
  }
}

}  // namespace

std::int64_t insert_model(Database& db, const ModelRow& row, const std::vector<DatasetOfModel>& datasets) {
  check_count(db, row.tenant_id, Counted::models);
  const std::int64_t id = db.number(
      "insert into models (tenant_id, owner, name, state, filename, yaml, labels, epochs, batch_size, seed, cpus, "
      "memory_bytes, priority, created_us, start_sha256) "
      "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning id",
      row.tenant_id, row.owner, row.name, row.state, row.filename, row.yaml, base::to_text(base::encode(row.labels)),
      row.epochs, row.batch_size, row.seed, row.cpus, row.memory_bytes, row.priority, row.created_us,
      row.start_sha256.empty() ? std::nullopt : std::optional(row.start_sha256));
  int position = 0;
  for (const DatasetOfModel& dataset : datasets)
    db.run("insert into model_datasets (model_id, position, role, name, dataset_id) values (?, ?, ?, ?, ?)", id,
           position++, dataset.role, dataset.name, dataset.dataset_id);
  position = 0;
  for (const VolumeOfModel& volume : row.volumes)
    db.run(
        "insert into model_volumes (model_id, position, volume_id, name, place, read_only) values (?, ?, ?, ?, ?, ?)",
        id, position++, volume.volume_id, volume.name, volume.place, volume.read_only);
  ModelRow inserted = row;
  inserted.id = id;
  claim_for(db, inserted);
  return id;
}

std::vector<VolumeOfModel> volumes_of(Database& db, std::int64_t model_id) {
  return db.all(
      "select volume_id, name, place, read_only from model_volumes where model_id = ? order by position",
      [](const Row& row) {
        return VolumeOfModel{row.optional_integer(0), row.text(1), row.text(2), row.integer(3) != 0};
      },
      model_id);
}

std::vector<DatasetOfModel> datasets_of(Database& db, std::int64_t model_id) {
  return db.all(
      "select role, name, dataset_id from model_datasets where model_id = ? order by position",
      [](const Row& row) { return DatasetOfModel{row.text(0), row.text(1), row.optional_integer(2)}; }, model_id);
}

void save(Database& db, const ModelRow& row) {
  const auto known = [](const std::string& sha256) { return sha256.empty() ? std::nullopt : std::optional(sha256); };
  db.run(
      "update models set name = ?, cpus = ?, reason = ?, epochs = ?, epochs_completed = ?, train_cost = ?, eval_cost = "
      "?, metrics = ?, restarts = ?, "
      "crashes_since_checkpoint = ?, stop_requested = ?, checkpoint_sha256 = ?, checkpoint_bytes = ?, "
      "checkpoint_epochs = ?, rest_state = ?, started_us = ?, ended_us = ?, "
      "previous_sha256 = ?, previous_bytes = ?, previous_epochs = ?, job = ?, job_event = ?, start_sha256 = ? where id "
      "= ?",
      row.name, row.cpus, base::shortened(row.reason, kMaxReasonBytes), row.epochs, row.epochs_completed,
      row.train_cost, row.eval_cost, row.metrics.size() > kMaxMetricsBytes ? "{}" : row.metrics, row.restarts,
      row.crashes_since_checkpoint, row.stop_requested, known(row.checkpoint_sha256), row.checkpoint_bytes,
      row.checkpoint_epochs, row.rest_state, row.started_us, row.ended_us, known(row.previous_sha256),
      row.previous_bytes, row.previous_epochs, row.job, row.job_event, known(row.start_sha256), row.id);
}

void become(Database& db, ModelRow& row, ModelState state, std::string reason) {
  if (!may_become(row.state, state))
    throw Error(Code::internal,
                fmt::format("model {} cannot go from {} to {}", row.id, base::word(row.state), base::word(state)));
  const auto changed = db.run("update models set state = ? where id = ? and state = ?", state, row.id, row.state);
  if (changed != 1)
    throw Error(Code::internal, fmt::format("model {} is not {} any more", row.id, base::word(row.state)));
  row.state = state;
  row.reason = std::move(reason);
  save(db, row);
  claim_for(db, row);
}

api::Model shown(Database& db, const ModelRow& row) {
  api::Model model{.id = row.id,
                   .name = row.name,
                   .state = row.state,
                   .reason = base::shortened(row.reason, kMaxReasonBytes),
                   .stop_requested = row.state == running && row.stop_requested,
                   .epochs_completed = row.epochs_completed,
                   .epochs = row.epochs,
                   .train_cost = row.train_cost,
                   .eval_cost = row.eval_cost,
                   .metrics = base::parse_json(row.metrics, "metrics").as_object(),
                   .cpus = row.cpus,
                   .memory_bytes = row.memory_bytes,
                   .seed = row.seed,
                   .priority = row.priority,
                   .restarts = row.restarts,
                   .checkpoint_bytes = row.checkpoint_bytes,
                   .checkpoint_sha256 = row.checkpoint_sha256,
                   .created_at = base::rfc3339(row.created_us),
                   .started_at = rfc3339(row.started_us),
                   .ended_at = rfc3339(row.ended_us),
                   .owner = row.owner};
  if (row.state == ModelState::deploying || row.state == ModelState::deployed || row.state == ModelState::undeploying) {
    if (const auto claim = claim_of(db, row.id)) {
      model.cpus = claim->cpus;
      model.memory_bytes = claim->memory_bytes;
    }
  }
  for (const DatasetOfModel& dataset : datasets_of(db, row.id)) model.datasets.push_back({dataset.role, dataset.name});
  for (const VolumeOfModel& volume : row.id == 0 ? row.volumes : volumes_of(db, row.id))
    model.volumes.push_back({volume.name, volume.place, volume.read_only});
  return model;
}

Snapshot snapshot_of(Database& db, std::int64_t tenant_id) {
  Snapshot snapshot;
  db.all(
      "select id, cpus, memory_bytes from tenants where ? in (0, id)",
      [&](const Row& row) {
        snapshot.tenants[row.integer(0)] = {static_cast<int>(row.integer(1)), row.integer(2)};
        return 0;
      },
      tenant_id);
  snapshot.claims = claims_of(db, tenant_id);
  return snapshot;
}

}  // namespace cloud
