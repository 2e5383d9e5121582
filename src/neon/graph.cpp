#include "neon/graph.h"

#include <algorithm>

#include "base/error.h"
#include "neon/graph_builder.h"

namespace neon {
namespace {

void check_classes(const Graph& graph, std::int64_t class_count) {
  const Node* last = graph.maker_of();
  if (last == nullptr || graph.adversaries || class_count <= graph.columns()) return;
  throw base::Error(base::Code::invalid_argument,
                    fmt::format("the last layer '{}' gives {} outputs, but the data has {} classes", last->name,
                                graph.columns(), class_count),
                    last->where);
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

std::vector<tensor::Column> Graph::input_columns() const {
  std::vector<tensor::Column> columns;
  for (const int input : inputs) {
    const Edge& edge = edges[static_cast<std::size_t>(input)];
    columns.push_back({edge.name, edge.spec.shape, edge.spec.dtype});
  }
  return columns;
}

std::int64_t Graph::index_limit(std::size_t input) const {
  std::int64_t least = 0;
  for (const int reader : edges[static_cast<std::size_t>(inputs[input])].consumers) {
    const std::int64_t limit = nodes[static_cast<std::size_t>(reader)].layer->index_limit();
    if (limit > 0 && (least == 0 || limit < least)) least = limit;
  }
  return least;
}

const Node* Graph::maker_of(std::size_t output) const {
  const int producer = edges[static_cast<std::size_t>(outputs[output])].producer;
  return producer < 0 ? nullptr : &nodes[static_cast<std::size_t>(producer)];
}

bool Graph::is_output(int edge) const { return std::find(outputs.begin(), outputs.end(), edge) != outputs.end(); }

/// Bytes stand for numbers: what layers see of them is f32.
Graph build_graph(const ModelSpec& spec, std::span<const tensor::Column> inputs, std::int64_t class_count) {
  if (spec.layers.empty()) throw base::Error(base::Code::invalid_argument, "the model has no layers", "/layers");
  Graph graph;
  GraphBuilder builder(graph);
  std::vector<int> edges;
  for (const tensor::Column& input : inputs)
    edges.push_back(builder.add_input(
        {input.shape, input.dtype == tensor::Dtype::u8 ? tensor::Dtype::f32 : input.dtype}, input.name));
  graph.outputs = builder.add(spec.layers, edges);
  if (graph.nodes.empty())
    throw base::Error(base::Code::invalid_argument, "the model has no layer that computes anything", "/layers");
  check_classes(graph, class_count);
  return graph;
}

Graph build_graph(const ModelSpec& spec, std::span<const TensorSpec> inputs, std::int64_t class_count) {
  std::vector<tensor::Column> columns;
  for (const TensorSpec& input : inputs) columns.push_back({"", input.shape, input.dtype});
  return build_graph(spec, columns, class_count);
}

Graph build_graph(const ModelSpec& spec, const tensor::Shape& sample_shape, std::int64_t class_count) {
  return build_graph(spec, std::vector{TensorSpec{sample_shape}}, class_count);
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
