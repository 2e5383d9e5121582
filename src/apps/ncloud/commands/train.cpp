#include "apps/ncloud/command.h"
#include "apps/ncloud/follow.h"
#include "apps/ncloud/model_file.h"
#include "apps/ncloud/wait.h"
#include "base/clock.h"
#include "base/counted.h"
#include "base/files.h"
#include "records/labels.h"
#include "records/vocabulary.h"

namespace ncloud {
namespace {

struct Train {
  std::string file;
  std::vector<std::string> dataset;
  std::vector<std::string> volume;
  std::string name;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> batch_size;
  std::optional<std::string> start_from;
  int cpus = 0;
  std::string memory = "1GiB";
  int priority = 0;
  bool follow = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("file", &Train::file, "model file (.yaml)").required().positional(),
        base::field("dataset", &Train::dataset, "NAME, or train:NAME and eval:NAME; may be given more than once")
            .required()
            .flag('d'),
        base::field(
            "volume", &Train::volume,
            "NAME, which appears at /data, or NAME:/PLACE; with :ro behind it for reading only; may be given more "
            "than once")
            .flag('v'),
        base::field("name", &Train::name, "for people; the file's name when left out").flag('N'),
        base::field("epochs", &Train::epochs, "passes over the data, instead of the file's")
            .range(1, 1000000)
            .flag('e'),
        base::field("batch_size", &Train::batch_size, "instead of the file's").range(1, 1000000).flag('z'),
        base::field("start_from", &Train::start_from,
                    "number or name of a model whose weights the training begins with (start_from of the model file)")
            .flag('i'),
        base::field("cpus", &Train::cpus,
                    "CPUs to hold; 0: all of the tenant's that no deployment holds, and at least 1")
            .range(0, 4096)
            .flag('c'),
        base::field("memory", &Train::memory, "memory to hold, such as 2GiB (or 2GB, which is 1.863 GiB)").flag('m'),
        base::field("priority", &Train::priority, "in the tenant's queue: those of a higher one start before it")
            .range(-10, 10)
            .flag('p'),
        base::field("follow", &Train::follow, "show the training until it ends").flag('f'));
  }
};

api::DatasetUse dataset_use(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) return {.dataset = text};
  return {.role = text.substr(0, colon), .dataset = text.substr(colon + 1)};
}

api::VolumeUse volume_use(std::string text) {
  api::VolumeUse use;
  for (const std::string_view end : {":ro", ":rw"})
    if (text.ends_with(end)) {
      use.read_only = end == ":ro";
      text.resize(text.size() - end.size());
      break;
    }
  const auto colon = text.find(':');
  use.volume = text.substr(0, colon);
  if (colon != std::string::npos) use.place = text.substr(colon + 1);
  return use;
}

/// Reads what a model file names: from a volume of the training, where it will be, else from beside the model file.
std::vector<std::string> read_named(Session& session, const std::vector<api::VolumeUse>& volumes,
                                    const std::filesystem::path& folder, std::string_view file) {
  for (const api::VolumeUse& use : volumes) {
    if (!file.starts_with(use.place) || !file.substr(use.place.size()).starts_with('/')) continue;
    const std::string path(file.substr(use.place.size() + 1));
    const api::Bytes content = session.client().call(api::get_volume_content, {.volume = use.volume, .path = path});
    return records::parse_labels(content.content, file);
  }
  return records::read_vocabulary(folder / file);
}

void tell_warnings(const Session& session, const base::json::object& answer) {
  const base::json::value* warnings = answer.if_contains("warnings");
  if (warnings == nullptr || !warnings->is_array()) return;
  for (const base::json::value& warning : warnings->get_array()) session.note("warning: " + cell("", warning));
}

/// What a dry run says: "nothing submitted; it would start at once with 2 CPUs, 1 GiB, 10 epochs".
std::string foreseen(const api::Model& model) {
  std::string text = fmt::format("nothing submitted; it {} with {}, {} of memory, {}",
                                 model.state == api::ModelState::queued ? "would wait" : "would start at once",
                                 base::counted(model.cpus, "CPU"), base::size_text(model.memory_bytes),
                                 base::counted(model.epochs, "epoch"));
  if (model.memory_needed_bytes)
    text += fmt::format("; it needs about {}", base::size_text(*model.memory_needed_bytes));
  if (!model.reason.empty()) text += fmt::format("; {}", model.reason);
  if (!model.remedy.empty()) text += fmt::format(" ({})", model.remedy);
  return text;
}

int train(Session& session, const Train& options, const base::json::object& declared) {
  api::TrainModel request{.filename = std::filesystem::path(options.file).filename().string(),
                          .name = options.name,
                          .epochs = options.epochs,
                          .batch_size = options.batch_size,
                          .cpus = options.cpus,
                          .memory = options.memory,
                          .priority = options.priority};
  if (options.start_from) request.start_from = api::ModelKey(*options.start_from);
  for (const std::string& text : options.dataset) request.datasets.push_back(dataset_use(text));
  for (const std::string& text : options.volume) request.volumes.push_back(volume_use(text));
  request.yaml = read_model_file(options.file, [&](std::string_view file) {
    return read_named(session, request.volumes, std::filesystem::path(options.file).parent_path(), file);
  });
  base::json::object fields = base::encode(request).as_object();
  for (const auto& field : declared) fields[field.key()] = field.value();
  const base::json::value answer = session.client().call_json(api::train_model, fields);
  tell_warnings(session, answer.as_object());
  const auto model = base::decode<api::Model>(answer);
  if (model.id == 0) {  // a dry run
    session.did(foreseen(model), answer);
    return 0;
  }
  if (options.follow) {
    session.note(fmt::format("{} is {}", name_of(model), base::word(model.state)));
    return follow_training(session, model.id);
  }
  session.did(fmt::format("{} is {}{}{}", name_of(model), base::word(model.state), model.reason.empty() ? "" : ": ",
                          model.reason),
              answer);
  session.note(fmt::format("watch it with: {}", session.command(fmt::format("model follow {}", model.id))));
  return 0;
}

struct Follow {
  api::ModelKey model;
  std::int64_t after = 0;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Follow::model, "its number or name").required().positional(),
                      base::field("after", &Follow::after, "leave out the events up to this one").at_least(0));
  }
};

int follow(Session& session, const Follow& options) { return follow_training(session, options.model, options.after); }

const Shelved shelved_train(command("model train", "Train a model file on datasets", train, api::train_model,
                                    {"filename", "yaml", "datasets", "volumes"}));
const Shelved shelved_follow(command("model follow", "Show a training as it goes, until it ends", follow));

}  // namespace
}  // namespace ncloud
