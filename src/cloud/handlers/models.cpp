#include "api/resources/models.h"

#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/sha256.h"
#include "cloud/datasets.h"
#include "cloud/handlers/handlers.h"
#include "cloud/names.h"
#include "cloud/supervisor.h"
#include "cloud/volumes.h"

namespace cloud {
namespace {

using base::Code;
using base::Error;

// Each shard is a file in the job's folder, which is made while nothing else can start.
constexpr std::int64_t kMaxShards = 20000;

constexpr std::uint64_t kMaxStartHeaderBytes = std::uint64_t{4} << 20;

// What a model is to be called when nobody said: its file's name without folder and ".yaml".
std::string name_from(std::string_view filename) {
  filename = filename.substr(filename.find_last_of('/') + 1);
  const auto dot = filename.find_last_of('.');
  return std::string(dot == 0 ? filename : filename.substr(0, dot));
}

// Rounded up.
std::int64_t mebibytes(std::int64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

// Small enough to be typed again.
std::uint64_t drawn_seed() {
  std::uint32_t seed = 0;
  const std::string bytes = base::random_bytes(sizeof seed);
  std::memcpy(&seed, bytes.data(), sizeof seed);
  return seed;
}

// The checkpoint that a training is to begin with, and the header of its file.
struct Start {
  Objects::Pin pin;
  std::string header;
};

std::optional<Start> start_of(const Parts& parts, std::int64_t tenant, const std::optional<api::ModelKey>& from) {
  if (!from) return {};
  Objects::Pin pin = parts.objects.pin_found([&](Database& db) {
    const ModelRow row = model_of(db, tenant, model_id_of(db, tenant, *from));
    if (row.checkpoint_sha256.empty())
      throw Error(Code::conflict, fmt::format("model {} has no checkpoint to start from yet", row.id), "/start_from");
    return row.checkpoint_sha256;
  });
  const base::Fd file = parts.objects.open(pin);
  const auto read = [&](std::size_t bytes) {
    std::string text(bytes, '\0');
    for (std::size_t done = 0; done < bytes;) {
      const std::size_t got = base::read_some(file, {text.data() + done, bytes - done});
      if (got == 0) throw Error(Code::data_loss, "the checkpoint to start from is cut off", "/start_from");
      done += got;
    }
    return text;
  };
  std::uint64_t length = 0;
  std::memcpy(&length, read(sizeof length).data(), sizeof length);
  if (length > kMaxStartHeaderBytes)
    throw Error(Code::too_large,
                fmt::format("the model to start from has too many layers: their names and shapes take {} bytes of {}",
                            length, kMaxStartHeaderBytes),
                "/start_from");
  std::string header = read(length);
  return Start{std::move(pin), std::move(header)};
}

api::Model train(const Parts& parts, const api::Call& call, const api::TrainModel& request) {
  const std::int64_t tenant = call.identity.tenant_id;
  const std::string name = request.name.empty() ? name_from(request.filename) : request.name;
  base::check_text(api::kTitle, name, "/name");  // "folder/" gives none
  const std::int64_t memory = base::parse_size(request.memory);
  if (memory < (std::int64_t{16} << 20))
    throw Error(Code::invalid_argument, fmt::format("memory must be at least 16 MiB, got '{}'", request.memory),
                "/memory");

  ModelRow row{.tenant_id = tenant,
               .owner = call.identity.user,
               .name = name,
               .filename = request.filename,
               .yaml = request.yaml,
               .batch_size = request.batch_size,
               .cpus = request.cpus,
               .memory_bytes = memory,
               .priority = request.priority};
  parts.objects.require_room(0);
  std::vector<DatasetOfModel> uses;
  std::optional<api::Dataset> named;  // the first with names of classes
  std::vector<std::string> types;     // of the datasets' columns
  std::int64_t train_records = 0;
  parts.store.read([&](Database& db) {
    std::size_t i = 0;
    std::int64_t shards = 0;
    for (const api::DatasetUse& use : request.datasets) {
      const std::string where = fmt::format("/datasets/{}", i++);
      const std::int64_t id = dataset_id_of(db, tenant, use.dataset);
      for (const DatasetOfModel& before : uses)
        if (before.role == use.role && before.dataset_id == id)
          throw Error(Code::invalid_argument,
                      fmt::format("dataset '{}' is named twice with the role {}", before.name, use.role), where);
      shards += db.number("select count(*) from shards where dataset_id = ?", id);
      if (shards > kMaxShards)
        throw Error(Code::too_large,
                    fmt::format("the datasets have more than {} shards; upload them in larger ones", kMaxShards),
                    where);
      const api::Dataset dataset = dataset_with(db, id);
      if (dataset.state != api::DatasetState::ready)
        throw Error(Code::conflict,
                    fmt::format("dataset '{}' is not ready: {} of {} records have arrived; finish its upload first",
                                dataset.name, dataset.records_received, dataset.record_count),
                    where);
      if (types.empty()) types = dataset.types;
      if (dataset.types != types)
        throw Error(Code::invalid_argument,
                    fmt::format("dataset '{}' has columns {}, but the first dataset has {}", dataset.name,
                                fmt::join(dataset.types, ", "), fmt::join(types, ", ")),
                    where);
      if (!named && !dataset.labels.empty()) named = dataset;
      if (const std::string differ = named ? difference_of(*named, dataset) : ""; !differ.empty())
        throw Error(
            Code::invalid_argument,
            fmt::format("datasets '{}' and '{}' name the classes differently: {}; upload one of them again with "
                        "the same labels in the same order",
                        named->name, dataset.name, differ),
            where);
      if (use.role == "train") {
        if (row.labels.empty()) row.labels = dataset.labels;
        train_records += dataset.record_count;
      }
      uses.push_back({use.role, dataset.name, id});
    }
  });
  check_places(request.volumes);
  parts.store.read([&](Database& db) {
    for (std::size_t i = 0; i < request.volumes.size(); ++i) {
      const api::VolumeUse& use = request.volumes[i];
      const std::int64_t id = volume_id_of(db, tenant, use.volume);
      for (const VolumeOfModel& before : row.volumes)
        if (before.volume_id == id)
          throw Error(Code::invalid_argument, fmt::format("volume '{}' is named twice", before.name),
                      fmt::format("/volumes/{}", i));
      row.volumes.push_back({id, volume_with(db, id).name, use.place, use.read_only});
    }
  });
  if (!request.volumes.empty() && !parts.worker.protection().sandbox)
    throw Error(Code::invalid_argument,
                "this server runs jobs without a sandbox (--no-sandbox), where they find no volumes", "/volumes");
  if (train_records == 0)
    throw Error(Code::invalid_argument,
                "a training needs at least one dataset with the role train; name it with --dataset", "/datasets");
  const std::optional<Start> start = start_of(parts, tenant, request.start_from);
  if (start) row.start_sha256 = start->pin.sha256();
  const wire::Checked checked = parts.worker.check({.model_file = request.filename,
                                                    .yaml = request.yaml,
                                                    .batch_size = request.batch_size,
                                                    .columns = types.size(),
                                                    .labels = row.labels.size(),
                                                    .start_header = start ? start->header : ""});
  row.epochs = request.epochs.value_or(checked.epochs);
  if (checked.memory_bytes > memory)
    throw Error(
        Code::invalid_argument,
        fmt::format("this training needs about {} of memory and {} were asked for; ask for more (--memory {}MiB), "
                    "or take a smaller batch (--batch-size)",
                    base::size_text(checked.memory_bytes), base::size_text(memory), mebibytes(checked.memory_bytes)),
        "/memory");
  row.seed = request.seed ? *request.seed : checked.seed ? *checked.seed : drawn_seed();
  api::Model model = request.dry_run
                         ? parts.supervisor.foresee(std::move(row), uses)
                         : parts.supervisor.submit(call, std::move(row), uses, start ? &start->pin : nullptr);
  if (checked.memory_bytes > 0) model.memory_needed_bytes = checked.memory_bytes;
  model.warnings = checked.warnings;
  return model;
}

/// Numbers are taken as they are, without the database: predictions go this way.
std::int64_t id_of(const Parts& parts, const api::Call& call, const api::ModelKey& key) {
  if (const auto number = key.number()) return *number;
  return parts.store.read([&](Database& db) { return model_id_of(db, call.identity.tenant_id, key); });
}

api::Bytes model_file(const Parts& parts, const api::Call& call, const api::ModelRef& request) {
  return parts.store.read([&](Database& db) {
    const std::int64_t tenant = call.identity.tenant_id;
    ModelRow row = model_of(db, tenant, model_id_of(db, tenant, request.model));
    load_definition(db, row);
    return api::Bytes{.content = std::move(row.yaml), .content_type = "application/yaml"};
  });
}

api::Bytes checkpoint(const Parts& parts, const api::Call& call, const api::ModelRef& request) {
  std::int64_t model = 0;
  // Pinned, so that a newer checkpoint does not remove the file before it is open.
  const Objects::Pin pin = parts.objects.pin_found([&](Database& db) {
    const ModelRow row = model_of(db, call.identity.tenant_id, model_id_of(db, call.identity.tenant_id, request.model));
    model = row.id;
    if (row.checkpoint_sha256.empty())
      throw Error(Code::conflict,
                  fmt::format("model {} has no checkpoint yet; the first one is written at the end of its first epoch",
                              row.id));
    return row.checkpoint_sha256;
  });
  try {
    return {.file = api::OpenFile{.fd = parts.objects.open(pin),
                                  .size_bytes = pin.size_bytes(),
                                  .check = parts.objects.checker(pin.sha256(), pin.size_bytes())}};
  } catch (const Error& error) {
    if (error.code != Code::data_loss) throw;
    throw Error(
        error.code,
        fmt::format("the checkpoint of model {0} (object {1}) is damaged or missing; an administrator can restore it "
                    "from a backup, and ncloud model resume {0} goes on from the checkpoint before, if there is one",
                    model, pin.sha256()));
  }
}

}  // namespace

void handle_models(api::Router& router, Parts parts) {
  router.handle(api::train_model,
                [parts](const api::Call& call, const api::TrainModel& request) { return train(parts, call, request); });
  router.handle(api::list_models, [parts](const api::Call& call, const api::ListModels& request) {
    const std::int64_t before = number_in_page_token(request.page_token, kNewest);
    auto models = parts.supervisor.list(call.identity.tenant_id, request.state, before, request.page_size + 1);
    return page_of(std::move(models), request.page_size, [](const api::Model& model) { return model.id; });
  });
  router.handle(api::get_model, [parts](const api::Call& call, const api::ModelRef& request) {
    return parts.supervisor.show(call.identity.tenant_id, id_of(parts, call, request.model));
  });
  router.handle(api::rename_model, [parts](const api::Call& call, const api::RenameModel& request) {
    return parts.supervisor.rename(call, id_of(parts, call, request.model), request.name);
  });
  router.handle(api::delete_model, [parts](const api::Call& call, const api::ModelRef& request) {
    return parts.supervisor.remove(call.identity.tenant_id, id_of(parts, call, request.model));
  });
  router.handle(api::stop_model, [parts](const api::Call& call, const api::StopModel& request) {
    return parts.supervisor.stop(call.identity.tenant_id, id_of(parts, call, request.model), request.wait);
  });
  router.handle(api::resume_model, [parts](const api::Call& call, const api::ResumeModel& request) {
    return parts.supervisor.resume(call.identity.tenant_id, id_of(parts, call, request.model), request.epochs,
                                   request.cpus, request.wait);
  });
  router.handle(api::follow_model, [parts](const api::Call& call, const api::FollowModel& request) {
    return parts.supervisor.follow(call.identity.tenant_id, id_of(parts, call, request.model), request.follow);
  });
  router.handle(api::get_model_file, [parts](const api::Call& call, const api::ModelRef& request) {
    return model_file(parts, call, request);
  });
  router.handle(api::get_checkpoint, [parts](const api::Call& call, const api::ModelRef& request) {
    return checkpoint(parts, call, request);
  });
  router.handle(api::deploy_model, [parts](const api::Call& call, const api::DeployModel& request) {
    const std::int64_t memory = base::parse_size(request.memory);
    if (memory < (std::int64_t{16} << 20))
      throw Error(Code::invalid_argument, fmt::format("memory must be at least 16 MiB, got '{}'", request.memory),
                  "/memory");
    return parts.supervisor.deploy(call.identity.tenant_id, id_of(parts, call, request.model), request.cpus, memory,
                                   request.wait);
  });
  router.handle(api::undeploy_model, [parts](const api::Call& call, const api::UndeployModel& request) {
    return parts.supervisor.undeploy(call.identity.tenant_id, id_of(parts, call, request.model), request.wait);
  });
  router.handle(api::predict, [parts](const api::Call& call, const api::Predict& request) {
    if (call.body.empty())
      throw Error(Code::invalid_argument, "the body is empty; send the bytes of the input, such as a PNG file");
    return parts.supervisor.predict(call.identity.tenant_id, id_of(parts, call, request.model), request.k.value_or(0),
                                    call.body);
  });
}

}  // namespace cloud
