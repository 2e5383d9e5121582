#pragma once
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "api/resources/models.h"
#include "cloud/scheduler.h"
#include "cloud/store.h"

namespace cloud {

using api::ModelState;

// Texts that come from data, jobs or users are cut where they are stored, so that no list grows with them.
inline constexpr std::size_t kMaxReasonBytes = 1000;
inline constexpr std::size_t kMaxMetricsBytes = 8000;

/// Whether a model may go from one state to another: the one table of all transitions.
bool may_become(ModelState from, ModelState to);

/// What the ids of jobs that serve a model begin with.
inline std::string serving_jobs(std::int64_t model) { return fmt::format("serves-{}-", model); }

/// Waits for training or is in it: more events will come.
inline bool in_training(ModelState state) {
  return state == ModelState::received || state == ModelState::queued || state == ModelState::running;
}

/// A volume as a model's trainings find it.
struct VolumeOfModel {
  std::optional<std::int64_t> volume_id;  ///< nothing once the volume is removed
  std::string name;
  std::string place;
  bool read_only = false;
};

/// A row of the table of models.
struct ModelRow {
  std::int64_t id = 0;
  std::int64_t tenant_id = 0;
  std::string owner;
  std::string name;
  ModelState state = ModelState::received;
  std::string reason;
  std::string filename;  ///< these three may be large: there in a new row and after load_definition()
  std::string yaml;
  std::vector<std::string> labels;
  std::vector<VolumeOfModel> volumes;  ///< in a new row only
  std::int64_t epochs = 0;
  std::int64_t epochs_completed = 0;
  std::optional<std::int64_t> batch_size;
  std::uint64_t seed = 0;
  int cpus = 0;
  std::int64_t memory_bytes = 0;
  int priority = 0;
  std::optional<double> train_cost, eval_cost;
  std::string metrics = "{}";
  int restarts = 0;
  int crashes_since_checkpoint = 0;
  bool stop_requested = false;
  std::string checkpoint_sha256;  ///< empty before the first
  std::optional<std::int64_t> checkpoint_bytes;
  std::int64_t checkpoint_epochs = 0;
  std::string rest_state;  ///< to return to when its deployment ends
  std::int64_t created_us = 0;
  std::optional<std::int64_t> started_us, ended_us;
  std::string previous_sha256;  ///< the checkpoint before the newest; empty when there is none
  std::optional<std::int64_t> previous_bytes;
  std::int64_t previous_epochs = 0;
  std::string job;             ///< that trains it, or trained it last
  std::int64_t job_event = 0;  ///< the last of the job's numbered events that this row knows
  std::string start_sha256;    ///< of another model, until the first checkpoint of its own; empty: it begins anew
};

/// What a model is trained or evaluated on.
struct DatasetOfModel {
  std::string role;
  std::string name;
  std::optional<std::int64_t> dataset_id;  ///< nothing once the dataset is removed
};

// All inside a transaction.

/// Errors: not_found, also for a model of another tenant.
ModelRow model_of(Database& db, std::int64_t tenant_id, std::int64_t id);
/// Errors: not_found; conflict, naming the ids, for a name that several models of the tenant have.
std::int64_t model_id_of(Database& db, std::int64_t tenant_id, const api::ModelKey& key);
std::optional<ModelRow> find_model(Database& db, std::int64_t id);
void load_definition(Database& db, ModelRow& row);
std::vector<ModelRow> models_in(Database& db, const std::vector<ModelState>& states);

std::int64_t insert_model(Database& db, const ModelRow& row, const std::vector<DatasetOfModel>& datasets);
std::vector<DatasetOfModel> datasets_of(Database& db, std::int64_t model_id);
std::vector<VolumeOfModel> volumes_of(Database& db, std::int64_t model_id);

/// Writes everything of the row except what it was created with. The way to change a state is become().
void save(Database& db, const ModelRow& row);

/// The one way to another state; its claim goes with it, but for the one of a deployment that begins. Errors: internal
/// for a transition that is not in the table.
void become(Database& db, ModelRow& row, ModelState state, std::string reason = {});

/// As the contract shows it, without its place in the queue.
api::Model shown(Database& db, const ModelRow& row);

/// What all models of a tenant hold and want (0: of all tenants).
Snapshot snapshot_of(Database& db, std::int64_t tenant_id = 0);

}  // namespace cloud
