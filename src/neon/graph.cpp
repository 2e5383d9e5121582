#include "neon/graph.h"

#include <algorithm>

#include "base/error.h"
#include "neon/graph_builder.h"

namespace neon {
namespace {

void check_target(const Graph& graph, const TargetInfo& target) {
  if (graph.maker_of() == nullptr || graph.adversaries) return;
  const Node& last = *graph.maker_of();
  const std::int64_t outputs = graph.out_count();
  if (!target.dense_shape.empty() && tensor::element_count(target.dense_shape) != outputs)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("the last layer '{}' gives {} numbers, but the data's targets are {} ({} numbers)", last.name,
                    outputs, tensor::text(target.dense_shape), tensor::element_count(target.dense_shape)),
        last.where);
  if (target.class_count > graph.columns())
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the last layer '{}' gives {} outputs, but the data has {} classes", last.name,
                                  graph.columns(), target.class_count),
                      last.where);
}

std::string shapes_of(const std::vector<TensorSpec>& specs) {
  std::string text;
  for (const TensorSpec& spec : specs) text += (text.empty() ? "" : " ") + tensor::text(spec.shape);
  return text;
}

}  // namespace

std::int64_t Graph::parameter_count() const {
  std::int64_t count = 0;
  for (const Node& node : nodes)
    for (const ParameterSpec& spec : node.parameters)
      if (spec.trained && node.owns_parameters()) count += tensor::element_count(spec.shape);
  return count;
}

double Graph::operations() const {
  double sum = 0;
  for (const Node& node : nodes) sum += node.operations();
  return sum;
}

const Node* Graph::maker_of(std::size_t output) const {
  const int producer = edges[static_cast<std::size_t>(outputs[output])].producer;
  return producer < 0 ? nullptr : &nodes[static_cast<std::size_t>(producer)];
}

bool Graph::is_output(int edge) const { return std::find(outputs.begin(), outputs.end(), edge) != outputs.end(); }

Graph build_graph(const ModelSpec& spec, std::span<const TensorSpec> inputs, const TargetInfo& target) {
  if (spec.layers.empty()) throw base::Error(base::Code::invalid_argument, "the model has no layers", "/layers");
  Graph graph;
  GraphBuilder builder(graph);
  std::vector<int> edges;
  for (const TensorSpec& input : inputs) edges.push_back(builder.add_input(input));
  graph.outputs = builder.add(spec.layers, edges);
  if (graph.nodes.empty())
    throw base::Error(base::Code::invalid_argument, "the model has no layer that computes anything", "/layers");
  check_target(graph, target);
  return graph;
}

Graph build_graph(const ModelSpec& spec, const tensor::Shape& sample_shape, const TargetInfo& target) {
  return build_graph(spec, std::vector{TensorSpec{sample_shape}}, target);
}

void check_statistics(const Graph& graph, std::int64_t examples) {
  for (const Node& node : graph.nodes) {
    const std::int64_t each = node.layer->statistics_per_example(node.ins);
    if (each == 0 || each * examples > 1) continue;
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("layer '{}' normalises each feature over the batch, but a batch of 1 with inputs {} has a single "
                    "number of each: its outputs would not depend on the input; use a batch_size of at least 2",
                    node.name, tensor::text(node.in())),
        node.where);
  }
}

std::string description(const Graph& graph) {
  std::vector<TensorSpec> inputs;
  for (const int edge : graph.inputs) inputs.push_back(graph.spec_of(edge));
  std::size_t name_width = 5, type_width = 4;
  for (const Node& node : graph.nodes) {
    name_width = std::max(name_width, node.name.size());
    type_width = std::max(type_width, node.type.size());
  }
  std::string text =
      fmt::format("{:<{}}  {:<{}}  {:<16}  {:>12}\n", "layer", name_width, "type", type_width, "output", "parameters");
  text += fmt::format("{:<{}}  {:<{}}  {:<16}  {:>12}\n", "input", name_width, "", type_width, shapes_of(inputs), "");
  for (const Node& node : graph.nodes) {
    std::int64_t count = 0;
    for (const ParameterSpec& spec : node.parameters)
      if (spec.trained && node.owns_parameters()) count += tensor::element_count(spec.shape);
    text += fmt::format("{:<{}}  {:<{}}  {:<16}  {:>12}\n", node.name, name_width, node.type, type_width,
                        shapes_of(node.outs), count > 0 ? std::to_string(count) : "");
  }
  return text + fmt::format("{} parameters, {:.3g} million multiplications per example\n", graph.parameter_count(),
                            graph.operations() / 1e6);
}

}  // namespace neon
