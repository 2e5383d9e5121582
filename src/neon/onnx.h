#pragma once
// Networks in ONNX's words, for other programs to run and from other programs to take over. What can be said in them
// and what cannot: docs/formats/onnx.md.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "neon/checkpoint.h"
#include "neon/graph.h"

namespace neon {

/// Stands for numbers of a type that is not read, which is a fault only where they are needed.
struct OnnxUnread {
  std::string why;
};

/// Numbers that the file holds: weights, or whole numbers such as the shape that a Reshape makes.
struct OnnxTensor {
  std::string name;
  tensor::Shape shape;  ///< {}: a single number
  std::variant<std::vector<float>, std::vector<std::int64_t>, OnnxUnread> values;
};

/// A setting of an operator; a monostate is one of a kind that no operator here has.
using OnnxAttribute = std::variant<std::monostate, std::int64_t, float, std::string, std::vector<std::int64_t>,
                                   std::vector<float>, std::vector<std::string>, OnnxTensor>;

/// One operator in its place. Values go by name; an absent optional input is an empty one.
struct OnnxNode {
  std::string op, name;
  std::vector<std::string> inputs, outputs;
  std::map<std::string, OnnxAttribute> attributes;
};

/// An input or output of f32 numbers, or of whole ones.
struct OnnxValue {
  std::string name;
  tensor::Shape sample_shape;  ///< without the batch; -1 where the file leaves an extent open
  bool whole = false;          ///< int64, or int32 in what is read
  std::int64_t batch = -1;     ///< -1: left open
  bool other = false;          ///< neither of them: strings, a list
  bool is_numbers() const { return !whole && !other; }
};

struct OnnxModel {
  std::int64_t opset = 17;  ///< version of the operators
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> constants;
  std::vector<OnnxValue> inputs, outputs;
  std::map<std::string, std::string> metadata;
};

/// The network as prediction computes it. Its input is called "input" ("input_1" and so on, what more there are) and
/// has an open batch; outputs are called after their layers. Errors: invalid_argument naming a layer that ONNX has no
/// word for, and why.
OnnxModel onnx_of(const Graph& graph, std::span<const NamedTensor> parameters);
/// With labels and preprocessing in the metadata, as JSON.
OnnxModel onnx_of(const Checkpoint& checkpoint);

/// A file of these words, or `path` stays as it was. Errors: too_large over 2 GiB; those of base/files.h.
void write_onnx(const OnnxModel& model, const std::filesystem::path& path);

/// Reads a file, or its bytes. Memory is booked for bytes that the file has. Errors: invalid_argument for what is no
/// ONNX file, keeps numbers in other files, or has more operators than neon reads; those of base/files.h.
OnnxModel read_onnx(const std::filesystem::path& path);
OnnxModel parse_onnx(std::string_view bytes, std::string_view name_in_errors);

/// A network of layers that predicts the same. Cost and optimizer are a beginning for further training. `notes` gets
/// what people should know: outputs that are left out, another order of extents. Errors: invalid_argument naming every
/// operator that no layer stands for, and its node, at once.
Checkpoint checkpoint_of(const OnnxModel& model, std::vector<std::string>* notes = nullptr);

}  // namespace neon
