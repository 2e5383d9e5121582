#include "apps/ncloud/command.h"
#include "apps/ncloud/follow.h"
#include "apps/ncloud/terminal.h"
#include "apps/ncloud/wait.h"

namespace ncloud {
namespace {

struct Resume {
  api::ModelKey model;
  std::optional<std::int64_t> epochs;
  std::optional<int> cpus;
  bool follow = false;
  bool wait = true;
  static constexpr auto fields() {
    return std::tuple(
        base::field("model", &Resume::model, "its number or name").required().positional(),
        base::field("epochs", &Resume::epochs, "epochs in all; as before when left out").range(1, 1000000).flag('e'),
        base::field("cpus", &Resume::cpus,
                    "CPUs to hold; as before when left out, and only then are the results the same bits")
            .range(1, 4096)
            .flag('c'),
        base::field("follow", &Resume::follow, "show the training until it ends").flag('f'),
        base::field("wait", &Resume::wait, "wait for the end of a stop or undeploy that goes on"));
  }
};

/// The last event so far: what was shown before is not shown again.
std::int64_t last_event(Session& session, std::int64_t model) {
  std::int64_t last = 0;
  session.client().follow(api::follow_model, {.model = model, .follow = false},
                          [&](const api::TrainingEvent&, std::int64_t id) {
                            last = id;
                            return true;
                          });
  return last;
}

int resume(Session& session, const Resume& options) {
  api::ModelKey key = options.model;
  if (options.wait) {
    const auto settled = wait_for_what_ends(session, key);
    if (!settled) return leave(session, "it is not resumed", "model resume " + shell_word(key.text()));
    key = settled->id;
  }
  const std::int64_t last = options.follow ? last_event(session, look_at(session, key).value_or(api::Model{}).id) : 0;
  const api::Model model =
      session.client().call(api::resume_model, {.model = key, .epochs = options.epochs, .cpus = options.cpus});
  if (options.follow) return follow_training(session, model.id, last);
  session.did(fmt::format("{} goes on: it is {}{}{}", name_of(model), base::word(model.state),
                          model.reason.empty() ? "" : ": ", model.reason),
              model);
  session.note(fmt::format("watch it with: {}", session.command(fmt::format("model follow {}", model.id))));
  return 0;
}

const Shelved shelved(command("model resume",
                              "Go on with a stopped, failed or completed training from its last checkpoint", resume));

}  // namespace
}  // namespace ncloud
