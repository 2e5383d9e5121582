#include "neon/foreign_weights.h"
#include "base/error.h"
#include "tests/fuzz/fuzz.h"

namespace {

/// The network of the corpus's files: parameters that such a file may fit, or not.
const neon::Graph& graph() {
  static const neon::Graph made = neon::build_graph(
      neon::parse_model("layers: [{type: Affine, config: {name: fc, nout: 2, init: Gaussian, bias: Gaussian}}]\n"
                        "cost: SumSquared\noptimizer: Adam\n",
                        "model.yaml"),
      tensor::Shape{3});
  return made;
}

const fuzz::Target weights("foreign_weights", [](std::string_view bytes) {
  const auto tensors = neon::parse_foreign_safetensors(bytes);
  for (const neon::NamedTensor& tensor : neon::import_foreign(graph(), tensors, {}))
    fuzz::must(static_cast<std::int64_t>(tensor.values.size()) == tensor::element_count(tensor.shape),
               "as many numbers as the shape has");
});

const fuzz::Target names("name_map", [](std::string_view bytes) {
  const neon::NameMap map = neon::parse_name_map(bytes, "map.yaml");
  for (const neon::NameMap::Entry& entry : map.names)
    fuzz::must(entry.parameter.find('/') != std::string::npos, "a parameter has a layer");
});

}  // namespace
