#include "apps/ncloud/command.h"
#include "apps/ncloud/terminal.h"
#include "base/clock.h"
#include "base/files.h"

namespace ncloud {
namespace {

struct Export {
  api::ModelKey model;
  std::string file;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Export::model, "its number or name").required().positional(),
                      base::field("file", &Export::file,
                                  "where to write it; model-ID.safetensors when left out; - is standard output")
                          .flag('f'));
  }
};

int export_model(Session& session, const Export& options) {
  const std::int64_t id = session.client().call(api::get_model, {.model = options.model}).id;
  const api::Bytes checkpoint = session.client().call(api::get_checkpoint, {.model = id});
  if (options.file == "-") {
    session.print(checkpoint.content);
    return 0;
  }
  const std::string file = options.file.empty() ? fmt::format("model-{}.safetensors", id) : options.file;
  base::write_file_atomically(file, checkpoint.content);
  session.note(fmt::format("{} written ({})", file, base::size_text(checkpoint.content.size())));
  return 0;
}

const Shelved shelved(command("model export", "Write the last checkpoint (safetensors) to a file", export_model));

}  // namespace
}  // namespace ncloud
