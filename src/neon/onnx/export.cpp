#include <algorithm>
#include <set>

#include "base/error.h"
#include "neon/graph.h"
#include "neon/onnx_nodes.h"

namespace neon {
namespace {

/// The nodes that what is predicted depends on.
std::vector<bool> needed_nodes(const Graph& graph) {
  std::vector<bool> wanted(graph.edges.size()), needed(graph.nodes.size());
  for (std::size_t i = 0; i < graph.predicted_count(); ++i) wanted[static_cast<std::size_t>(graph.outputs[i])] = true;
  for (std::size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    for (const int edge : node.out_edges)
      if (wanted[static_cast<std::size_t>(edge)]) needed[n] = true;
    if (!needed[n]) continue;
    for (const int edge : node.in_edges) wanted[static_cast<std::size_t>(edge)] = true;
  }
  return needed;
}

/// Layers that read whole numbers give their input its kind.
bool is_whole(const Graph& graph, int edge) {
  const std::vector<int>& consumers = graph.edges[static_cast<std::size_t>(edge)].consumers;
  return graph.spec_of(edge).dtype == tensor::Dtype::i32 ||
         (!consumers.empty() && std::all_of(consumers.begin(), consumers.end(), [&](int node) {
           return graph.nodes[static_cast<std::size_t>(node)].layer->index_limit() > 0;
         }));
}

/// Exports nodes and knows what each edge is called by now.
class Exporter {
 public:
  Exporter(const Graph& graph, std::span<const NamedTensor> parameters) : graph_(graph), names_(graph.edges.size()) {
    for (const NamedTensor& tensor : parameters) parameters_[tensor.name] = &tensor;
    for (const int edge : graph.predicted_from()) {
      const std::size_t i = model_.inputs.size();
      name_of(edge) = i == 0 ? "input" : fmt::format("input_{}", i);
      model_.inputs.push_back({name_of(edge), graph.spec_of(edge).shape, is_whole(graph, edge)});
    }
  }

  OnnxModel exported() {
    const std::vector<bool> needed = needed_nodes(graph_);
    for (std::size_t n = 0; n < needed.size(); ++n)
      if (needed[n]) add(graph_.nodes[n]);
    for (std::size_t i = 0; i < graph_.predicted_count(); ++i) add_output(i);
    return std::move(model_);
  }

 private:
  std::string& name_of(int edge) { return names_[static_cast<std::size_t>(edge)]; }

  void add(const Node& node) {
    std::vector<std::string> in;
    for (const int edge : node.in_edges) in.push_back(name_of(edge));
    OnnxNodes nodes(model_, node, std::move(in), parameters_);
    const std::vector<std::string> out = node.layer->onnx(nodes);
    if (out.size() != node.out_edges.size()) nodes.refuse("it has no words for such a layer");
    for (std::size_t i = 0; i < out.size(); ++i) name_of(node.out_edges[i]) = out[i];
    // What comes out is called after the layer, as far as it is the layer's own.
    if (out.size() != 1 || node.name.starts_with("input") || out[0].find(node.name + "/") != 0) return;
    model_.nodes.back().outputs = {node.name};
    model_.nodes.back().name = node.name;
    name_of(node.out_edges[0]) = node.name;
  }

  /// An output under its layer's name, whatever passed it on.
  void add_output(std::size_t i) {
    const int edge = graph_.outputs[i];
    const Node* maker = graph_.maker_of(i);
    std::string name = maker == nullptr || maker->name.starts_with("input") ? fmt::format("output_{}", i) : maker->name;
    while (!outputs_.insert(name).second) name += "_again";
    if (name_of(edge) != name) model_.nodes.push_back({"Identity", name + "/output", {name_of(edge)}, {name}, {}});
    model_.outputs.push_back({name, graph_.spec_of(edge).shape});
  }

  const Graph& graph_;
  OnnxModel model_;
  std::vector<std::string> names_;
  std::map<std::string, const NamedTensor*> parameters_;
  std::set<std::string> outputs_;
};

}  // namespace

OnnxModel onnx_of(const Graph& graph, std::span<const NamedTensor> parameters) {
  return Exporter(graph, parameters).exported();
}

OnnxModel onnx_of(const Checkpoint& checkpoint) {
  const Graph graph = build_graph(checkpoint.spec, checkpoint.inputs);
  for (const Node& node : graph.nodes)
    if (checkpoint.position.streams && node.layer->carries_state())
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("layer '{}' ({}) cannot be said in ONNX: it was trained to carry its state from batch "
                      "to batch, which an ONNX model forgets; train with reset_cells or without streams",
                      node.name, node.type));
  OnnxModel model = onnx_of(graph, parameters_of(checkpoint));
  model.metadata = {{"neon.labels", base::to_text(base::encode(checkpoint.labels))},
                    {"neon.preprocessing", base::to_text(checkpoint.preprocessing)}};
  return model;
}

}  // namespace neon
