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

  /// An operator with one output, which is returned.
  std::string add(std::string op, std::vector<std::string> inputs,
                  std::map<std::string, OnnxAttribute> attributes = {});

  /// (n, …) → (n, all numbers); a value that is so already stays as it is.
  std::string flat(const std::string& value, const tensor::Shape& sample_shape);
  /// And back.
  std::string shaped(const std::string& value, const tensor::Shape& sample_shape);

 private:
  OnnxModel& model_;
  const Node& node_;
  std::vector<std::string> in_;
  const std::map<std::string, const NamedTensor*>& parameters_;
  int added_ = 0;
};

}  // namespace neon
