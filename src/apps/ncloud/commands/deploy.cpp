#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"
#include "apps/ncloud/wait.h"

namespace ncloud {
namespace {

using api::ModelState;

struct Deploy {
  api::ModelKey model;
  int cpus = 1;
  std::string memory = "512MiB";
  bool wait = true;
  static constexpr auto fields() {
    return std::tuple(
        base::field("model", &Deploy::model, "its number or name").required().positional(),
        base::field("cpus", &Deploy::cpus, "CPUs to hold").range(1, 4096).flag('c'),
        base::field("memory", &Deploy::memory, "memory to hold, such as 512MiB (or 512MB, which is less)").flag('m'),
        base::field("wait", &Deploy::wait, "wait until it answers predictions"));
  }
};

/// The model after the request. One that is deployed or deploying already is what was asked for.
api::Model request_deployment(Session& session, const api::ModelKey& key, const Deploy& options) {
  try {
    return session.client().call(api::deploy_model, {.model = key, .cpus = options.cpus, .memory = options.memory});
  } catch (const base::Error& error) {
    if (error.code != base::Code::conflict) throw;
    api::Model model = session.client().call(api::get_model, {.model = key});
    if (model.state != ModelState::deploying && model.state != ModelState::deployed) throw;
    if (model.state == ModelState::deploying) session.note(fmt::format("{} is deploying already", name_of(model)));
    return model;
  }
}

int deploy(Session& session, const Deploy& options) {
  api::ModelKey key = options.model;
  if (options.wait) {
    const auto settled = wait_for_what_ends(session, key);
    if (!settled) return leave(session, "it is not deployed", "model deploy " + shell_word(key.text()));
    key = settled->id;
  }
  api::Model model = request_deployment(session, key, options);
  if (options.wait) {
    const std::int64_t id = model.id;
    const auto now = wait_until(session, std::move(model), "deploying",
                                [](const api::Model& m) { return m.state != ModelState::deploying; });
    if (!now) return leave(session, "it goes on deploying", fmt::format("model deploy {}", id));
    model = *now;
  }
  if (model.state != ModelState::deployed && (options.wait || model.state != ModelState::deploying))
    throw base::Error(base::Code::conflict,
                      fmt::format("{} is {}, not deployed{}{}", name_of(model), base::word(model.state),
                                  model.reason.empty() ? "" : ": ", model.reason));
  session.did(fmt::format("{} is {}{}{}", name_of(model), base::word(model.state), model.reason.empty() ? "" : ": ",
                          model.reason),
              model);
  if (model.state == ModelState::deployed)
    session.note(fmt::format("ask it with: {}", session.command(fmt::format("model predict {} FILE", model.id))));
  return 0;
}

const Shelved shelved(command("model deploy", "Deploy a trained model, so that it answers predictions", deploy));

}  // namespace
}  // namespace ncloud
