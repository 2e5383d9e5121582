#include "apps/ncloud/command.h"

namespace ncloud {
namespace {

struct Show {
  api::ModelKey model;
  bool file = false;
  static constexpr auto fields() {
    return std::tuple(base::field("model", &Show::model, "its number or name").required().positional(),
                      base::field("file", &Show::file, "the model file as it was submitted, and nothing else"));
  }
};

int show(Session& session, const Show& options) {
  if (options.file)
    session.print(session.client().call(api::get_model_file, {.model = options.model}).content);
  else
    session.show(session.client().call(api::get_model, {.model = options.model}));
  return 0;
}

const Shelved shelved(command("model show", "Show a model, or its model file", show));

}  // namespace
}  // namespace ncloud
