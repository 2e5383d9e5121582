#pragma once
#include "api/operation.h"
#include "api/resources/datasets.h"
#include "api/resources/volumes.h"

namespace api {

enum class ModelState {
  received,
  queued,
  running,
  completed,
  error,
  stopped,
  deploying,
  deployed,
  undeploying,
  imported
};
constexpr auto enumerators(ModelState) {
  return std::array{std::pair{ModelState::received, "received"},
                    std::pair{ModelState::queued, "queued"},
                    std::pair{ModelState::running, "running"},
                    std::pair{ModelState::completed, "completed"},
                    std::pair{ModelState::error, "error"},
                    std::pair{ModelState::stopped, "stopped"},
                    std::pair{ModelState::deploying, "deploying"},
                    std::pair{ModelState::deployed, "deployed"},
                    std::pair{ModelState::undeploying, "undeploying"},
                    std::pair{ModelState::imported, "imported"}};
}

struct DatasetUse {
  std::string role = "train";
  std::string dataset;
  static constexpr auto fields() {
    return std::tuple(base::field("role", &DatasetUse::role, "train or eval").like(kRole),
                      base::field("dataset", &DatasetUse::dataset, "id or name").like(kReference).required());
  }
};

inline constexpr TextForm kPlace{
    .said = "an absolute path of a folder, such as /data", .shortest = 2, .longest = 256, .pattern = kTitle.pattern};

/// A volume in a training: a folder that it can read, and write to unless told otherwise.
struct VolumeUse {
  std::string volume;
  std::string place = "/data";
  bool read_only = false;
  static constexpr auto fields() {
    return std::tuple(base::field("volume", &VolumeUse::volume, "id or name").like(kReference).required(),
                      base::field("place", &VolumeUse::place, "folder that it appears as").like(kPlace),
                      base::field("read_only", &VolumeUse::read_only,
                                  "writing there is refused; starts sooner, as nothing is copied"));
  }
};

struct Model {
  std::int64_t id = 0;
  std::string name;
  ModelState state = ModelState::received;
  std::string reason;
  bool stop_requested = false;
  std::string remedy;
  std::int64_t epochs_completed = 0;
  std::int64_t epochs = 0;
  std::optional<double> train_cost;
  std::optional<double> eval_cost;
  base::json::object metrics;
  int cpus = 1;
  std::int64_t memory_bytes = 0;
  std::optional<std::int64_t> memory_needed_bytes;
  std::uint64_t seed = 0;
  std::vector<DatasetUse> datasets;
  std::vector<VolumeUse> volumes;
  std::vector<std::string> warnings;
  int priority = 0;
  int restarts = 0;
  std::optional<std::int64_t> queue_position;
  std::optional<std::string> estimated_start;
  std::optional<std::int64_t> checkpoint_bytes;
  std::string checkpoint_sha256;
  std::string created_at;
  std::optional<std::string> started_at;
  std::optional<std::string> ended_at;
  std::string owner;
  /// How things stand at the moment: no part of what If-Match compares.
  static constexpr std::array passing{std::string_view("reason"), std::string_view("remedy"),
                                      std::string_view("queue_position"), std::string_view("estimated_start")};
  static constexpr auto fields() {
    return std::tuple(
        base::field("id", &Model::id, "number; 0 in the answer to a dry run"),
        base::field("name", &Model::name, "for people; need not be unique"),
        base::field("state", &Model::state, "where it is in its life"),
        base::field("reason", &Model::reason, "why it waits, stopped or failed; empty when there is nothing to say"),
        base::field("stop_requested", &Model::stop_requested,
                    "whether it was asked to stop and has not ended yet: it writes a checkpoint first"),
        base::field("remedy", &Model::remedy, "what helps while it waits; empty when there is nothing to do"),
        base::field("epochs_completed", &Model::epochs_completed, "whole passes over the data so far"),
        base::field("epochs", &Model::epochs, "passes asked for"),
        base::field("train_cost", &Model::train_cost, "mean cost of the last epoch"),
        base::field("eval_cost", &Model::eval_cost, "cost on the evaluation data after the last epoch"),
        base::field("metrics", &Model::metrics, "figures on the evaluation data after the last epoch, by name"),
        base::field("cpus", &Model::cpus, "CPUs that its training, or its deployment, holds"),
        base::field("memory_bytes", &Model::memory_bytes, "memory that its training, or its deployment, holds"),
        base::field("memory_needed_bytes", &Model::memory_needed_bytes,
                    "estimate of what its training needs; in the answer to a submit, when it is known"),
        base::field("seed", &Model::seed,
                    "of all random numbers: the submitted one, the file's, or drawn at the submit"),
        base::field("datasets", &Model::datasets, "what it is trained and evaluated on"),
        base::field("volumes", &Model::volumes, "folders that its training finds"),
        base::field("warnings", &Model::warnings, "likely mistakes; in the answer to a submit"),
        base::field("priority", &Model::priority, "of its training in the tenant's queue"),
        base::field("restarts", &Model::restarts,
                    "automatic restarts after crashes of its process; those of the server do not count"),
        base::field("queue_position", &Model::queue_position, "1 is next; while queued"),
        base::field("estimated_start", &Model::estimated_start, "RFC 3339, UTC; while queued and known"),
        base::field("checkpoint_bytes", &Model::checkpoint_bytes, "size of its last checkpoint"),
        base::field("checkpoint_sha256", &Model::checkpoint_sha256, "of its last checkpoint; empty before the first"),
        base::field("created_at", &Model::created_at, "RFC 3339, UTC"),
        base::field("started_at", &Model::started_at, "first start of training"),
        base::field("ended_at", &Model::ended_at, "end of training"),
        base::field("owner", &Model::owner, "the user who submitted it"));
  }
};

/// Which model: by its number, or by its name where only one of the tenant's models has it.
class ModelKey {
 public:
  ModelKey() = default;
  ModelKey(std::integral auto number) : text_(std::to_string(number)) {}
  ModelKey(std::string name) : text_(std::move(name)) {}

  const std::string& text() const { return text_; }
  std::optional<std::int64_t> number() const;  ///< nothing when it is a name

  static ModelKey from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const { return base::json::value(text_); }
  static base::json::object schema() { return base::schema_of_text(kReference); }

 private:
  std::string text_;
};

struct ModelRef {
  ModelKey model;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &ModelRef::model, "its number or name").required().positional());
  }
};

struct TrainModel {
  std::string filename;
  std::string yaml;
  std::string name;
  std::vector<DatasetUse> datasets;
  std::vector<VolumeUse> volumes;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> batch_size;
  std::optional<std::uint64_t> seed;
  std::optional<ModelKey> start_from;
  int cpus = 0;
  std::string memory = "1GiB";
  int priority = 0;
  bool dry_run = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("filename", &TrainModel::filename, "name of the model file, for messages").like(kTitle).required(),
        base::field("yaml", &TrainModel::yaml, "text of the model file").like(kFileText).required(),
        base::field("name", &TrainModel::name, "for people; the file's name when left out").empty_or_like(kTitle),
        base::field("datasets", &TrainModel::datasets, "what to train (and evaluate) on").items(1, 64).required(),
        base::field("volumes", &TrainModel::volumes,
                    "folders that it finds; what it writes there becomes a new version of the volume when it ends")
            .items(0, 16),
        base::field("epochs", &TrainModel::epochs, "instead of the file's").range(1, 1000000),
        base::field("batch_size", &TrainModel::batch_size, "instead of the file's").range(1, 1000000),
        base::field("seed", &TrainModel::seed, "of all random numbers; the file's when left out, else drawn and kept"),
        base::field("start_from", &TrainModel::start_from,
                    "number or name of a model whose weights the training begins with, instead of what the file's "
                    "start_from names"),
        base::field("cpus", &TrainModel::cpus,
                    "CPUs to hold; 0: all of the tenant's that no deployment holds, and at least 1")
            .range(0, 4096),
        base::field("memory", &TrainModel::memory, "memory to hold, such as 2GiB").like(kSize),
        base::field("priority", &TrainModel::priority, "in the tenant's queue: those of a higher one start before it")
            .range(-10, 10),
        base::field("dry_run", &TrainModel::dry_run,
                    "check everything and answer what would happen, but submit nothing"));
  }
};

struct ResumeModel {
  ModelKey model;
  std::optional<std::int64_t> epochs;
  std::optional<int> cpus;
  bool wait = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("model", &ResumeModel::model, "its number or name").required().positional(),
        base::field("epochs", &ResumeModel::epochs, "epochs in all; as before when left out")
            .range(1, 1000000)
            .flag('e'),
        base::field("cpus", &ResumeModel::cpus,
                    "CPUs to hold; as before when left out, and only then are the results the same bits")
            .range(1, 4096)
            .flag('c'),
        base::field("wait", &ResumeModel::wait, "if it is stopping or undeploying, wait until it has, up to 60 s"));
  }
};

struct StopModel {
  ModelKey model;
  bool wait = false;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &StopModel::model, "its number or name").required().positional(),
                      base::field("wait", &StopModel::wait, "answer when it has stopped, or after 60 s"));
  }
};

struct UndeployModel {
  ModelKey model;
  bool wait = false;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &UndeployModel::model, "its number or name").required().positional(),
                      base::field("wait", &UndeployModel::wait, "answer when it is undeployed, or after 60 s"));
  }
};

struct RenameModel {
  ModelKey model;
  std::string name;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &RenameModel::model, "its number or name").required().positional(),
                      base::field("name", &RenameModel::name, "the new name").like(kTitle).required().positional());
  }
};

struct ListModels {
  std::vector<ModelState> state;
  int page_size = 100;
  std::string page_token;
  static constexpr auto fields() {
    return std::tuple(
        base::field("state", &ListModels::state, "only these; may be given more than once").flag('s'),
        base::field("page_size", &ListModels::page_size, "entries at most in one answer").range(1, 1000).flag('n'),
        base::field("page_token", &ListModels::page_token, "next_page_token of the answer before")
            .empty_or_like(kPageToken));
  }
};

/// One thing that happened in a training, in the order it happened. Which members are there depends on `kind`.
enum class TrainingEventKind { state, step, epoch, checkpoint, restart, log };
constexpr auto enumerators(TrainingEventKind) {
  return std::array{
      std::pair{TrainingEventKind::state, "state"},     std::pair{TrainingEventKind::step, "step"},
      std::pair{TrainingEventKind::epoch, "epoch"},     std::pair{TrainingEventKind::checkpoint, "checkpoint"},
      std::pair{TrainingEventKind::restart, "restart"}, std::pair{TrainingEventKind::log, "log"}};
}

struct TrainingEvent {
  TrainingEventKind kind = TrainingEventKind::log;
  std::string at;
  std::optional<std::int64_t> epoch;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> batch;
  std::optional<std::int64_t> batches;
  std::optional<double> cost;
  std::optional<double> eval_cost;
  std::optional<double> images_per_s;
  std::optional<double> seconds;
  std::optional<double> eta_s;
  std::optional<base::json::object> metrics;
  std::optional<ModelState> state;
  std::optional<std::string> text;
  static constexpr auto fields() {
    return std::tuple(
        base::field("kind", &TrainingEvent::kind, "what happened"),
        base::field("at", &TrainingEvent::at, "RFC 3339, UTC"), base::field("epoch", &TrainingEvent::epoch, "from 0"),
        base::field("epochs", &TrainingEvent::epochs, "asked for"),
        base::field("batch", &TrainingEvent::batch, "batches done in this epoch"),
        base::field("batches", &TrainingEvent::batches, "in an epoch"),
        base::field("cost", &TrainingEvent::cost, "step: mean of the last 10 batches; epoch: of the epoch"),
        base::field("eval_cost", &TrainingEvent::eval_cost, "on the evaluation data"),
        base::field("images_per_s", &TrainingEvent::images_per_s, "records trained per second"),
        base::field("seconds", &TrainingEvent::seconds, "of training in this epoch"),
        base::field("eta_s", &TrainingEvent::eta_s, "estimated seconds to the end"),
        base::field("metrics", &TrainingEvent::metrics, "figures on the evaluation data, by name"),
        base::field("state", &TrainingEvent::state, "the new state"),
        base::field("text", &TrainingEvent::text, "log line, or why"));
  }
};

/// A stream of what happened since `after` (an event's id; 0 for all), then of what happens, to the end of the
/// training. `follow=false` ends it at what is there now. The Last-Event-ID header stands for `after`.
struct FollowModel {
  ModelKey model;
  std::int64_t after = 0;
  bool follow = true;
  static constexpr auto fields() {
    return std::tuple(
        base::field("model", &FollowModel::model, "its number or name").required().positional(),
        base::field("after", &FollowModel::after, "id of the last event already seen; 0 for none").at_least(0),
        base::field("follow", &FollowModel::follow, "wait for more until the training ends"));
  }
};

struct DeployModel {
  ModelKey model;
  int cpus = 1;
  std::string memory = "512MiB";
  bool wait = false;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &DeployModel::model, "its number or name").required().positional(),
                      base::field("cpus", &DeployModel::cpus, "CPUs to hold").range(1, 4096).flag('c'),
                      base::field("memory", &DeployModel::memory, "memory to hold").like(kSize).flag('m'),
                      base::field("wait", &DeployModel::wait,
                                  "answer when it can predict, or after 60 s; if it is stopping or undeploying, that "
                                  "is waited for too"));
  }
};

struct Predict {
  ModelKey model;
  std::optional<int> k;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Predict::model, "its number or name").required().positional(),
                      base::field("k", &Predict::k,
                                  "how many of the most probable classes to return, 1 to the number of the model's "
                                  "outputs; 5, or all when there are fewer")
                          .at_least(1)
                          .flag('k'));
  }
};

struct ClassProbability {
  double probability = 0;
  std::int64_t index = 0;
  std::string label;
  std::optional<std::int64_t> step;
  std::optional<std::int64_t> output;
  static constexpr auto fields() {
    return std::tuple(base::field("probability", &ClassProbability::probability, "output of the last layer"),
                      base::field("index", &ClassProbability::index, "of the class, from 0"),
                      base::field("label", &ClassProbability::label, "name of the class; its index when it has none"),
                      base::field("step", &ClassProbability::step,
                                  "of a model whose output is a sequence: the time step, from 0; absent for others"),
                      base::field("output", &ClassProbability::output,
                                  "of a model with several outputs: which one, from 0; absent for others"));
  }
};

struct Prediction {
  std::vector<ClassProbability> predictions;
  std::optional<std::string> text;
  static constexpr auto fields() {
    return std::tuple(
        base::field(
            "predictions", &Prediction::predictions,
            "most probable first, or numbers in their order where no classes are learned; of a sequence step by step"),
        base::field("text", &Prediction::text, "of a model trained with CTC: what it reads; absent for others"));
  }
};

extern const Operation<TrainModel, Model> train_model;
extern const Operation<ListModels, Page<Model>> list_models;
extern const Operation<ModelRef, Model> get_model;
extern const Operation<RenameModel, Model> rename_model;
extern const Operation<ModelRef, Deleted> delete_model;
extern const Operation<StopModel, Model> stop_model;
extern const Operation<ResumeModel, Model> resume_model;
extern const Operation<FollowModel, EventsOf<TrainingEvent>> follow_model;
extern const Operation<ModelRef, Bytes> get_model_file;
extern const Operation<ModelRef, Bytes> get_checkpoint;
extern const Operation<DeployModel, Model> deploy_model;
extern const Operation<UndeployModel, Model> undeploy_model;
extern const Operation<Predict, Prediction, true> predict;

}  // namespace api
