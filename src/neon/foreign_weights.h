#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "neon/checkpoint.h"
#include "neon/graph.h"

namespace neon {

/// One tensor in a safetensors file of another program. `bytes` lie in the file's text.
struct ForeignTensor {
  std::string name;
  std::string dtype;  ///< F64, F32, F16, BF16, I64, ... as the format has them
  tensor::Shape shape;
  std::string_view bytes;
};

/// The tensors of a safetensors file, in their order in it. Errors: data_loss for what is not in that layout: a header
/// that is cut or says something else, offsets that overlap, leave gaps or lie outside.
std::vector<ForeignTensor> parse_foreign_safetensors(std::string_view file);

/// Which tensors of the other program are which parameters. Grammar: docs/formats/foreign-weights.md.
/// Errors: invalid_argument with file and line.
struct ForeignSource {
  std::string tensor;
  std::optional<std::string> plus;                 ///< another of the same shape, to be added
  std::optional<std::vector<std::int64_t>> axes;   ///< the order in which the extents are wanted
  std::int64_t of = 1;                             ///< equal parts of the first of them
  std::optional<std::vector<std::int64_t>> parts;  ///< which of these parts, from 0, in the order wanted
  static ForeignSource from_json(const base::json::value& value, std::string_view where);
};
struct NameMap {
  struct Entry {
    std::string parameter;               ///< "<layer>/<parameter>"; a * stands for any text without a slash
    std::vector<ForeignSource> sources;  ///< one behind the other; * stands for what those of `parameter` were
  };
  std::vector<Entry> names;
  std::vector<std::string> ignore;  ///< tensors that are left alone; with *
};
NameMap parse_name_map(std::string_view yaml, std::string_view file_name);

/// Every parameter of a network from foreign tensors. What the map does not name goes by PyTorch's habits: `fc/W` is
/// `fc.weight`, `fc_bias/W` is `fc.bias`, `bn/gmean` is `bn.running_mean`.
/// Errors: invalid_argument that tells at once all parameters without a tensor, tensors without a use, and shapes that do
/// not fit.
std::vector<NamedTensor> import_foreign(const Graph& graph, const std::vector<ForeignTensor>& tensors,
                                        const NameMap& map);

}  // namespace neon
