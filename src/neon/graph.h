#pragma once
#include <string>
#include <vector>

#include "neon/adversaries.h"
#include "neon/layer.h"
#include "neon/spec.h"
#include "tensor/batch.h"

namespace neon {

/// A tensor that flows from one node to others.
struct Edge {
  TensorSpec spec;
  std::string name;            ///< of an input: that of the data's column; may be empty
  int producer = -1;           ///< node; -1: an input of the graph
  std::vector<int> consumers;  ///< nodes, in their order
  int lengths = -1;            ///< of a sequence: the edge that says how many of its steps are real; -1: all are
};

/// A model with every name resolved and every shape known: values and the nodes between them. Compounds and containers
/// are replaced by what they stand for.
struct Graph {
  std::vector<Edge> edges;
  std::vector<Node> nodes;   ///< each after those whose outputs it takes
  std::vector<int> inputs;   ///< edges that a batch fills
  std::vector<int> outputs;  ///< edges that costs, metrics and predictions read; the first is the main one
  bool predicts_main_output_only = false;  ///< the others are for training
  std::optional<Adversaries> adversaries;  ///< when two networks train against each other

  const TensorSpec& spec_of(int edge) const { return edges[static_cast<std::size_t>(edge)].spec; }
  const tensor::Shape& sample_shape() const { return spec_of(inputs.front()).shape; }
  /// What a prediction begins with.
  std::span<const int> predicted_from() const {
    return adversaries ? std::span(&adversaries->noise, 1) : std::span<const int>(inputs);
  }
  /// What a batch brings.
  std::vector<tensor::Column> input_columns() const;
  /// What the whole numbers of an input must be below, because layers read them as rows of a table; 0: anything.
  std::int64_t index_limit(std::size_t input) const;
  const tensor::Shape& out_shape(std::size_t output = 0) const { return spec_of(outputs[output]).shape; }
  std::int64_t out_count(std::size_t output = 0) const { return tensor::element_count(out_shape(output)); }
  /// Costs and metrics read an output as rows: one per example, or per example and time step of a sequence.
  std::int64_t rows_per_example(std::size_t output = 0) const {
    return out_shape(output).size() == 2 ? out_shape(output)[1] : 1;
  }
  /// Of which each row has so many.
  std::int64_t columns(std::size_t output = 0) const { return out_count(output) / rows_per_example(output); }
  /// The edge with the lengths of an output that is a sequence; -1: all its steps are real.
  int lengths_of(std::size_t output) const { return edges[static_cast<std::size_t>(outputs[output])].lengths; }
  /// The node that makes an output; nullptr where an input comes out as it is.
  const Node* maker_of(std::size_t output = 0) const;
  bool is_output(int edge) const;
  std::size_t predicted_count() const { return predicts_main_output_only ? 1 : outputs.size(); }

  std::int64_t parameter_count() const;  ///< learned numbers
  double operations() const;             ///< multiplications and additions per sample, forward
};

/// `class_count`: how many classes the data names, which the main output must have columns for; 0: not known.
/// Errors: invalid_argument naming the layer and the numbers that do not fit, with the layer's place in the file.
Graph build_graph(const ModelSpec& spec, std::span<const tensor::Column> inputs, std::int64_t class_count = 0);
Graph build_graph(const ModelSpec& spec, std::span<const TensorSpec> inputs, std::int64_t class_count = 0);
Graph build_graph(const ModelSpec& spec, const tensor::Shape& sample_shape, std::int64_t class_count = 0);

/// Refuses layers that would take statistics over a single number when `examples` different ones are in a batch:
/// whatever comes in, they would give the same. Errors: invalid_argument naming the layer and the numbers.
void check_statistics(const Graph& graph, std::int64_t examples);

/// A table for people: name, class, output shape, parameters.
std::string description(const Graph& graph);

}  // namespace neon
