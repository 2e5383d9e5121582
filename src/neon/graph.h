#pragma once
#include <string>
#include <vector>

#include "neon/layer.h"
#include "neon/spec.h"
#include "tensor/batch.h"
#include "tensor/tensor.h"

namespace neon {

/// A model with every name resolved and every shape known. Compound layers are replaced by what they stand for.
struct Graph {
  tensor::Shape sample_shape;  ///< (c, h, w) or (features)
  std::vector<Node> nodes;     ///< in order; each takes the output of the one before

  const tensor::Shape& out_shape() const { return nodes.back().out; }
  std::int64_t out_count() const { return tensor::element_count(out_shape()); }
  std::int64_t parameter_count() const;  ///< learned numbers
  double operations() const;             ///< multiplications and additions per sample, forward
};

/// What the data promises about targets; nothing known is fine too.
struct TargetInfo {
  tensor::Shape dense_shape;     ///< empty: the target is a class index
  std::int64_t class_count = 0;  ///< 0: unknown
  static TargetInfo of(const tensor::SourceInfo& source) {
    return {source.target_shape, static_cast<std::int64_t>(source.labels.size())};
  }
};

/// Errors: invalid_argument naming the layer and the numbers that do not fit, with the layer's place in the file.
Graph build_graph(const ModelSpec& spec, const tensor::Shape& sample_shape, const TargetInfo& target = {});

/// Refuses layers that would take statistics over a single number when `examples` different ones are in a batch:
/// whatever comes in, they would give the same. Errors: invalid_argument naming the layer and the numbers.
void check_statistics(const Graph& graph, std::int64_t examples);

/// A table for people: name, class, output shape, parameters.
std::string description(const Graph& graph);

}  // namespace neon
