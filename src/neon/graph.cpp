#include "neon/graph.h"

#include <set>

#include "base/error.h"

namespace neon {
namespace {

/// Names as neon gives them: "<class>_<n>", n counting the layers of that class from 0, given names included.
class Names {
 public:
  std::string next(std::string_view type) const {
    const auto found = counts_.find(std::string(type));
    return fmt::format("{}_{}", type, found == counts_.end() ? 0 : found->second);
  }

  std::string name_for(const std::optional<std::string>& given, std::string_view type, const std::string& where) {
    std::string name = given ? *given : next(type);
    ++counts_[std::string(type)];
    if (name.empty() || name.find('/') != std::string::npos)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("layer name '{}' must not be empty or contain '/'", name), where);
    if (!taken_.insert(name).second)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("two layers are named '{}'; names must be unique", name), where);
    return name;
  }

 private:
  std::map<std::string, std::int64_t> counts_;
  std::set<std::string> taken_;
};

class Builder {
 public:
  explicit Builder(Graph& graph) : graph_(graph) {}

  void add(const Part& part) {
    std::shared_ptr<const Layer> layer = make(part);
    if (layer->base_class().empty()) return place(part, std::move(layer));
    const std::string base = layer->given_name().value_or(names_.next(layer->base_class()));
    for (Part inner : layer->expand(base)) {
      inner.where = part.where;
      place(inner, Shelf<Layer>::instance().make(inner));
    }
  }

 private:
  /// The layer of a part; errors in its configuration name it as the file does.
  static std::shared_ptr<const Layer> make(const Part& part) {
    const Shelf<Layer>::Member& member = Shelf<Layer>::instance().find(part.type, part.where);
    try {
      return member.make(part.config, base::pointer_to(part.where, "config"));
    } catch (const base::Error& error) {
      throw base::Error(error.code, fmt::format("layer '{}': {}", name_of(part), error.message),
                        error.where.empty() ? part.where : error.where);
    }
  }

  void place(const Part& part, std::shared_ptr<const Layer> layer) {
    Node node;
    node.index = static_cast<std::int64_t>(graph_.nodes.size());
    node.type = part.type;
    node.where = part.where;
    node.name = names_.name_for(layer->given_name(), part.type, part.where);
    node.in = graph_.nodes.empty() ? graph_.sample_shape : graph_.nodes.back().out;
    try {
      node.out = layer->out_shape(node.in);
      node.parameters = layer->parameters(node.in);
      tensor::element_count(node.out);
      for (const ParameterSpec& spec : node.parameters) tensor::element_count(spec.shape);
    } catch (const base::Error& error) {
      throw base::Error(error.code, fmt::format("layer '{}': {}", node.name, error.message), part.where);
    }
    node.layer = std::move(layer);
    graph_.nodes.push_back(std::move(node));
  }

  Graph& graph_;
  Names names_;
};

void check_target(const Graph& graph, const TargetInfo& target) {
  const Node& last = graph.nodes.back();
  const std::int64_t outputs = graph.out_count();
  if (!target.dense_shape.empty() && tensor::element_count(target.dense_shape) != outputs)
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("the last layer '{}' gives {} numbers, but the data's targets are {} ({} numbers)", last.name,
                    outputs, tensor::text(target.dense_shape), tensor::element_count(target.dense_shape)),
        last.where);
  if (target.class_count > outputs)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("the last layer '{}' gives {} outputs, but the data has {} classes", last.name,
                                  outputs, target.class_count),
                      last.where);
}

}  // namespace

std::int64_t Graph::parameter_count() const {
  std::int64_t count = 0;
  for (const Node& node : nodes)
    for (const ParameterSpec& spec : node.parameters)
      if (spec.trained) count += tensor::element_count(spec.shape);
  return count;
}

double Graph::operations() const {
  double sum = 0;
  for (const Node& node : nodes) sum += node.layer->operations(node.in);
  return sum;
}

Graph build_graph(const ModelSpec& spec, const tensor::Shape& sample_shape, const TargetInfo& target) {
  if (spec.layers.empty()) throw base::Error(base::Code::invalid_argument, "the model has no layers", "/layers");
  tensor::element_count(sample_shape);
  Graph graph;
  graph.sample_shape = sample_shape;
  Builder builder(graph);
  for (const Part& part : spec.layers) builder.add(part);
  check_target(graph, target);
  return graph;
}

void check_statistics(const Graph& graph, std::int64_t examples) {
  for (const Node& node : graph.nodes) {
    const std::int64_t each = node.layer->statistics_per_example(node.in);
    if (each == 0 || each * examples > 1) continue;
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("layer '{}' normalises each feature over the batch, but a batch of 1 with inputs {} has a single "
                    "number of each: its outputs would not depend on the input; use a batch_size of at least 2",
                    node.name, tensor::text(node.in)),
        node.where);
  }
}

std::string description(const Graph& graph) {
  std::size_t name_width = 5, type_width = 4;
  for (const Node& node : graph.nodes) {
    name_width = std::max(name_width, node.name.size());
    type_width = std::max(type_width, node.type.size());
  }
  std::string text =
      fmt::format("{:<{}}  {:<{}}  {:<16}  {:>12}\n", "layer", name_width, "type", type_width, "output", "parameters");
  text += fmt::format("{:<{}}  {:<{}}  {:<16}  {:>12}\n", "input", name_width, "", type_width,
                      tensor::text(graph.sample_shape), "");
  for (const Node& node : graph.nodes) {
    std::int64_t count = 0;
    for (const ParameterSpec& spec : node.parameters)
      if (spec.trained) count += tensor::element_count(spec.shape);
    text += fmt::format("{:<{}}  {:<{}}  {:<16}  {:>12}\n", node.name, name_width, node.type, type_width,
                        tensor::text(node.out), count > 0 ? std::to_string(count) : "");
  }
  return text + fmt::format("{} parameters, {:.3g} million multiplications per example\n", graph.parameter_count(),
                            graph.operations() / 1e6);
}

}  // namespace neon
