#include "neon/onnx.h"
#include "neon/graph.h"
#include "neon/model_text.h"
#include "tests/fuzz/fuzz.h"

namespace {

const fuzz::Target registered("onnx", [](std::string_view bytes) {
  const neon::Checkpoint checkpoint = neon::checkpoint_of(neon::parse_onnx(bytes, "model.onnx"));
  const neon::ModelSpec again = neon::parse_model(neon::yaml_of(checkpoint.spec), "model.yaml");
  fuzz::must(again.layers.size() == checkpoint.spec.layers.size(), "the model file has the layers");
  neon::onnx_of(checkpoint);
});

}  // namespace
