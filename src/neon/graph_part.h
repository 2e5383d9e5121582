#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "neon/shelf.h"
#include "tensor/tensor.h"

namespace neon {

class GraphBuilder;

/// What flows along an edge: extents per sample, and what kind of numbers.
struct TensorSpec {
  tensor::Shape shape;
  tensor::Dtype dtype = tensor::Dtype::f32;

  /// One whole number per sample: how many steps of a sequence are real.
  bool is_length() const {
    return dtype == tensor::Dtype::i32 && tensor::element_count(shape) == 1 && shape.size() < 2;
  }
};

/// A configuration that a member registers for tests and benchmarks.
struct LayerCase {
  std::string_view config;  ///< JSON
  tensor::Shape in;
  std::vector<TensorSpec> more_in = {};         ///< what else goes in
  bool has_true_gradient = true;                ///< false where errors are scaled on purpose
  tensor::Dtype in_dtype = tensor::Dtype::f32;  ///< of `in`
};

/// What a `type` in a model's layers stands for: one layer, or a compound or container that is built of others.
class GraphPart : public std::enable_shared_from_this<GraphPart> {
 public:
  static constexpr std::string_view kKind = "layer";
  using Case = LayerCase;
  virtual ~GraphPart() = default;

  /// A name given in the configuration.
  virtual std::optional<std::string> given_name() const = 0;

  /// Parts inside it, for whoever wants to check each by itself.
  virtual std::vector<Part> inner_parts() const { return {}; }

  /// Adds what it stands for behind these edges. Returns the edges that come out.
  /// Errors: invalid_argument naming the numbers that do not fit.
  virtual std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const = 0;
};

}  // namespace neon
