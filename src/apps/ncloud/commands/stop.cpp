#include "apps/ncloud/command.h"
#include "apps/ncloud/wait.h"

namespace ncloud {
namespace {

using api::ModelState;

struct Stop {
  std::vector<api::ModelKey> model;
  bool wait = true;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Stop::model, "their numbers or names").required().positional(),
                      base::field("wait", &Stop::wait, "wait until it is done"));
  }
};

std::string epochs_text(const api::Model& model) {
  return fmt::format("{} of {} epochs completed", model.epochs_completed, model.epochs);
}

/// Asks for all first, so that they end at the same time; then waits for each.
int stop(Session& session, const Stop& options) {
  std::vector<api::ModelKey> asked;
  int worst = for_each_of(options.model, [&](const api::ModelKey& key) {
    const api::Model model = session.client().call(api::stop_model, {.model = key});
    if (options.wait && model.state == ModelState::running) {
      asked.push_back(model.id);
    } else {
      session.did(fmt::format("{} {}", name_of(model), model.stop_requested ? "is stopping" : "is stopped"), model);
    }
    return 0;
  });
  if (asked.empty()) return worst;
  return std::max(worst, for_each_of(asked, [&](const api::ModelKey& key) {
                    const auto ended = wait_for_what_ends(session, key);
                    if (!ended) return leave(session, "it goes on stopping", "model show " + key.text());
                    const bool as_asked = ended->state == ModelState::stopped;
                    session.did(fmt::format("{} is {}: {}", name_of(*ended), base::word(ended->state),
                                            as_asked || ended->reason.empty() ? epochs_text(*ended) : ended->reason),
                                *ended);
                    return ended->state == ModelState::error ? 1 : 0;
                  }));
}

struct Undeploy {
  std::vector<api::ModelKey> model;
  bool wait = true;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Undeploy::model, "their numbers or names").required().positional(),
                      base::field("wait", &Undeploy::wait, "wait until its resources are given back"));
  }
};

int undeploy(Session& session, const Undeploy& options) {
  std::vector<api::ModelKey> asked;
  int worst = for_each_of(options.model, [&](const api::ModelKey& key) {
    const api::Model model = session.client().call(api::undeploy_model, {.model = key});
    if (options.wait && model.state == ModelState::undeploying)
      asked.push_back(model.id);
    else
      session.did(fmt::format("{} is {}", name_of(model), base::word(model.state)), model);
    return 0;
  });
  if (asked.empty()) return worst;
  return std::max(worst, for_each_of(asked, [&](const api::ModelKey& key) {
                    const auto ended = wait_for_what_ends(session, key);
                    if (!ended) return leave(session, "its deployment goes on ending", "model show " + key.text());
                    session.did(
                        fmt::format("{} is not deployed any more; it is {}", name_of(*ended), base::word(ended->state)),
                        *ended);
                    return 0;
                  }));
}

const Shelved shelved_stop(command("model stop",
                                   "Stop trainings; each keeps a checkpoint of the very step it stopped at", stop));
const Shelved shelved_undeploy(command("model undeploy", "End deployments and give their resources back", undeploy));

}  // namespace
}  // namespace ncloud
