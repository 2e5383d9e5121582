#include "base/error.h"
#include "neon/graph.h"
#include "neon/spec.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("model_file", [](std::string_view bytes) {
  const neon::ModelSpec spec = neon::parse_model(bytes, "model.yaml");
  const neon::ModelSpec again = neon::ModelSpec::from_json(spec.to_json());
  fuzz::must(again.to_json() == spec.to_json(), "a checkpoint gives the model back");
  neon::build_graph(spec, {3, 32, 32});
});

}  // namespace
