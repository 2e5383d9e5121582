#include "apps/ncloud/command.h"
#include "apps/ncloud/follow.h"
#include "apps/ncloud/terminal.h"
#include "base/clock.h"
#include "base/files.h"

namespace ncloud {
namespace {

struct Deploy {
  std::int64_t model = 0;
  int cpus = 1;
  std::string memory = "512MiB";
  bool wait = true;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Deploy::model, "its number").required().positional(),
                      base::field("cpus", &Deploy::cpus, "CPUs to hold").range(1, 4096).flag('c'),
                      base::field("memory", &Deploy::memory, "memory to hold").flag('m'),
                      base::field("wait", &Deploy::wait, "wait until it answers predictions"));
  }
};

/// The model after the request. One that is deployed or deploying already is what was asked for.
api::Model request_deployment(Session& session, const Deploy& options) {
  try {
    return session.client().call(api::deploy_model,
                                 {.model = options.model, .cpus = options.cpus, .memory = options.memory});
  } catch (const base::Error& error) {
    if (error.code != base::Code::conflict) throw;
    api::Model model = session.client().call(api::get_model, {.model = options.model});
    if (model.state != api::ModelState::deploying && model.state != api::ModelState::deployed) throw;
    session.note(fmt::format("model {} is {} already", model.id, base::word(model.state)));
    return model;
  }
}

int deploy(Session& session, const Deploy& options) {
  api::Model model = request_deployment(session, options);
  const std::int64_t start = base::steady_now_us();
  LiveLine line;
  std::string told;
  while (options.wait && model.state == api::ModelState::deploying) {
    line.draw(
        {{fmt::format("deploying  {}", base::duration_text(static_cast<double>(base::steady_now_us() - start) / 1e6))},
         {model.reason}});
    if (!notes_are_terminal() && !model.reason.empty() && model.reason != std::exchange(told, model.reason))
      session.note(model.reason);
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
    const std::optional<api::Model> now = look_at(session, options.model);
    if (!now) {
      line.clear();
      session.note(fmt::format("it goes on deploying; look with: ncloud model show {}", options.model));
      return base::kind_of(base::Code::interrupted).exit_code;
    }
    model = *now;
  }
  line.clear();
  session.show(model);
  if (options.wait && model.state != api::ModelState::deployed)
    throw base::Error(base::Code::conflict,
                      fmt::format("model {} is {}, not deployed{}{}", options.model, base::word(model.state),
                                  model.reason.empty() ? "" : ": ", model.reason));
  return 0;
}

struct Export {
  std::int64_t model = 0;
  std::string file;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Export::model, "its number").required().positional(),
                      base::field("file", &Export::file,
                                  "where to write it; model-ID.safetensors when left out; - is standard output")
                          .flag('f'));
  }
};

int export_model(Session& session, const Export& options) {
  const api::Bytes checkpoint = session.client().call(api::get_checkpoint, {.model = options.model});
  if (options.file == "-") {
    session.print(checkpoint.content);
    return 0;
  }
  const std::string file = options.file.empty() ? fmt::format("model-{}.safetensors", options.model) : options.file;
  base::write_file_atomically(file, checkpoint.content);
  session.note(fmt::format("{} written ({})", file, base::size_text(static_cast<double>(checkpoint.content.size()))));
  return 0;
}

const Shelved shelved_deploy(command("model deploy", "Deploy a trained model, so that it answers predictions", deploy));
const Shelved shelved_export(command("model export", "Write the last checkpoint (safetensors) to a file",
                                     export_model));

}  // namespace
}  // namespace ncloud
