#include "apps/ncloud/command.h"
#include "apps/ncloud/follow.h"
#include "base/files.h"

namespace ncloud {
namespace {

struct Train {
  std::string file;
  std::vector<std::string> dataset;
  std::string name;
  std::optional<std::int64_t> epochs;
  std::optional<std::int64_t> batch_size;
  std::optional<std::uint64_t> seed;
  int cpus = 0;
  std::string memory = "1GiB";
  bool follow = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("file", &Train::file, "model file (.yaml)").required().positional(),
        base::field("dataset", &Train::dataset, "NAME, or train:NAME and eval:NAME; may be given more than once")
            .required()
            .flag('d'),
        base::field("name", &Train::name, "for people; the file's name when left out").flag('N'),
        base::field("epochs", &Train::epochs, "passes over the data, instead of the file's").at_least(1).flag('e'),
        base::field("batch_size", &Train::batch_size, "instead of the file's").at_least(1).flag('z'),
        base::field("seed", &Train::seed, "of all random numbers"),
        base::field("cpus", &Train::cpus, "CPUs to hold; 0: all that the tenant has").range(0, 4096).flag('c'),
        base::field("memory", &Train::memory, "memory to hold, such as 2GiB").flag('m'),
        base::field("follow", &Train::follow, "show the training until it ends"));
  }
};

api::DatasetUse dataset_use(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos) return {.dataset = text};
  return {.role = text.substr(0, colon), .dataset = text.substr(colon + 1)};
}

int train(Session& session, const Train& options) {
  api::TrainModel request{.filename = std::filesystem::path(options.file).filename().string(),
                          .yaml = base::read_file(options.file, std::size_t{1} << 20),
                          .name = options.name,
                          .epochs = options.epochs,
                          .batch_size = options.batch_size,
                          .seed = options.seed,
                          .cpus = options.cpus,
                          .memory = options.memory};
  for (const std::string& text : options.dataset) request.datasets.push_back(dataset_use(text));
  const api::Model model = session.client().call(api::train_model, request);
  if (options.follow) {
    session.note(fmt::format("model {} is {}", model.id, base::word(model.state)));
    return follow_training(session, model.id);
  }
  session.show(model);
  session.note(fmt::format("watch it with: ncloud model follow {}", model.id));
  return 0;
}

struct Follow {
  std::int64_t model = 0;
  std::int64_t after = 0;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Follow::model, "its number").required().positional(),
                      base::field("after", &Follow::after, "leave out the events up to this one").at_least(0));
  }
};

int follow(Session& session, const Follow& options) { return follow_training(session, options.model, options.after); }

struct Resume {
  std::int64_t model = 0;
  std::optional<std::int64_t> epochs;
  bool follow = false;
  static constexpr auto fields() {
    return std::tuple(
        base::field("model", &Resume::model, "its number").required().positional(),
        base::field("epochs", &Resume::epochs, "epochs in all; as before when left out").at_least(1).flag('e'),
        base::field("follow", &Resume::follow, "show the training until it ends"));
  }
};

int resume(Session& session, const Resume& options) {
  // What was shown before is not shown again.
  std::int64_t last = 0;
  if (options.follow)
    session.client().follow(api::follow_model, {.model = options.model, .follow = false},
                            [&](const api::TrainingEvent&, std::int64_t id) {
                              last = id;
                              return true;
                            });
  const api::Model model = session.client().call(api::resume_model, {.model = options.model, .epochs = options.epochs});
  if (options.follow) return follow_training(session, options.model, last);
  session.show(model);
  return 0;
}

const Shelved shelved_train(command("model train", "Train a model file on datasets", train, "train"));
const Shelved shelved_follow(command("model follow", "Show a training as it goes, until it ends", follow));
const Shelved shelved_resume(command("model resume", "Go on with a stopped, failed or completed training", resume));

}  // namespace
}  // namespace ncloud
