#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "neon/layer.h"
#include "neon/onnx.h"

namespace neon {

/// Takes what one layer adds to a network in ONNX's words. Values go by name, as ONNX has it.
class OnnxNodes {
 public:
  /// `in` are the layer's inputs; `parameters` those of the whole checkpoint, as it names them.
  OnnxNodes(OnnxModel& model, const Node& node, std::vector<std::string> in,
            const std::map<std::string, const NamedTensor*>& parameters)
      : model_(model), node_(node), in_(std::move(in)), parameters_(parameters) {}

  const Node& node() const { return node_; }
  const std::vector<std::string>& ins() const { return in_; }
  const std::string& in() const { return in_[0]; }

  /// A parameter in the order of kernels (ParameterSpec::shape), or in another shape of as many numbers.
  std::string parameter(std::string_view name, tensor::Shape shape = {});
  std::string constant(std::string_view name, tensor::Shape shape, std::vector<float> values);
  std::string constant(std::string_view name, std::vector<std::int64_t> values);
  /// One number.
  std::string number(std::string_view name, float value) { return constant(name, {}, {value}); }

  /// A parameter's numbers in the order of kernels.
  std::vector<float> values_of(std::string_view name) const;

  /// An operator with one output, which is returned.
  std::string add(std::string op, std::vector<std::string> inputs,
                  std::map<std::string, OnnxAttribute> attributes = {});

  /// One with so many.
  std::vector<std::string> add_several(std::string op, std::vector<std::string> inputs, std::size_t outputs,
                                       std::map<std::string, OnnxAttribute> attributes = {});

  /// (n, …) → (n, all numbers); a value that is so already stays as it is.
  std::string flat(const std::string& value, const tensor::Shape& sample_shape);
  /// The numbers of each example in another shape, in which one extent may be -1.
  std::string shaped(const std::string& value, const tensor::Shape& sample_shape);
  /// Extents, the batch among them, in another order.
  std::string transposed(const std::string& value, std::vector<std::int64_t> order) {
    return add("Transpose", {value}, {{"perm", std::move(order)}});
  }

  /// Lengths (n) or (n, 1) of sequences, compared with each time step, counted from `first` on: (n, 1, time steps) of 1
  /// and 0.
  std::string steps_where(std::string_view comparison, const std::string& lengths, std::int64_t first,
                          std::int64_t steps);
  /// A value as numbers of another kind: 1 float, 6 int32, 7 int64.
  std::string cast(const std::string& value, std::int64_t kind) { return add("Cast", {value}, {{"to", kind}}); }

  /// (c, 1, …): the shape in which one number for each feature is spread over what goes in.
  tensor::Shape for_features() const;

  /// Errors: always, invalid_argument naming the layer and the reason, which ends "… cannot be said in ONNX: ".
  [[noreturn]] void refuse(std::string_view reason) const;

 private:
  std::string constant_of(std::string_view name, OnnxTensor tensor);

  OnnxModel& model_;
  const Node& node_;
  std::vector<std::string> in_;
  const std::map<std::string, const NamedTensor*>& parameters_;
  int added_ = 0, constants_ = 0;
};

}  // namespace neon
