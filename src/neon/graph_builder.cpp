#include "neon/graph_builder.h"

#include <algorithm>

#include "base/error.h"

namespace neon {

int GraphBuilder::add_input(TensorSpec spec, std::string name) {
  graph_.inputs.push_back(add_noise(std::move(spec)));
  graph_.edges.back().name = std::move(name);
  return graph_.inputs.back();
}

int GraphBuilder::add_noise(TensorSpec spec) {
  tensor::element_count(spec.shape);
  graph_.edges.push_back({std::move(spec)});
  return static_cast<int>(graph_.edges.size()) - 1;
}

int GraphBuilder::input(std::string_view name) const {
  std::vector<std::string_view> names;
  for (const int edge : graph_.inputs) {
    names.push_back(graph_.edges[static_cast<std::size_t>(edge)].name);
    if (names.back() == name) return edge;
  }
  throw base::Error(base::Code::invalid_argument, base::unknown_word("input", name, names));
}

std::vector<int> GraphBuilder::add(const Part& part, const std::vector<int>& in) {
  const Shelf<GraphPart>::Member& member = Shelf<GraphPart>::instance().find(part.type, part.where);
  std::shared_ptr<const GraphPart> made;
  try {
    made = member.make(part.config, base::pointer_to(part.where, "config"));
  } catch (const base::Error& error) {
    throw base::Error(error.code, fmt::format("layer '{}': {}", name_of(part), error.message),
                      error.where.empty() ? part.where : error.where);
  }
  const std::string type = std::exchange(type_, part.type), where = where_;
  if (!part.where.empty()) where_ = part.where;  // what a compound makes stands where the compound stands
  std::vector<int> out;
  try {
    out = made->build(*this, in);
  } catch (const base::Error& error) {
    if (!error.where.empty()) throw;
    throw base::Error(error.code, fmt::format("layer '{}': {}", name_of(part), error.message), where_);
  }
  type_ = type;
  where_ = where;
  return out;
}

std::vector<int> GraphBuilder::add(const std::vector<Part>& parts, std::vector<int> in) {
  for (const Part& part : parts) in = add(part, in);
  return in;
}

std::vector<int> GraphBuilder::add_again(const std::vector<Part>& parts, const std::vector<int>& in,
                                         std::size_t first) {
  const auto branches = std::exchange(branches_, {});
  again_ = static_cast<int>(first);
  std::vector<int> out = add(parts, in);
  again_ = -1;
  branches_ = branches;
  return out;
}

/// Names as neon gives them: "<class>_<n>", n counting the layers of that class from 0, given names included.
std::string GraphBuilder::next_name(std::string_view type) const {
  const auto found = counts_.find(type);
  return fmt::format("{}_{}", type, found == counts_.end() ? 0 : found->second);
}

std::string GraphBuilder::unique_name(const std::optional<std::string>& given, const std::string& type) {
  std::string name = given ? *given : next_name(type);
  ++counts_[type];
  if (name.empty() || name.find('/') != std::string::npos)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("layer name '{}' must not be empty or contain '/'", name), where_);
  if (!taken_.insert(name).second)
    throw base::Error(base::Code::invalid_argument,
                      fmt::format("two layers are named '{}'; names must be unique", name), where_);
  return name;
}

std::string GraphBuilder::name_again(int node) {
  const std::string& first = graph_.nodes[static_cast<std::size_t>(node)].name;
  std::string name = first + " again";
  for (int i = 2; !taken_.insert(name).second; ++i) name = fmt::format("{} again {}", first, i);
  return name;
}

std::vector<int> GraphBuilder::place(std::shared_ptr<const Layer> layer, const std::vector<int>& in) {
  const auto name = layer->given_name();
  if (states_ == nullptr) return place(std::move(layer), type_, name, in);
  const auto with_states = layer->with_states(states_->given, !states_->given);
  if (with_states == nullptr) return place(std::move(layer), type_, name, in);
  std::vector<int> edges = with_lengths(*layer, in);
  if (states_->given) {
    if (states_->taken == states_->first.size())
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the {} states of the encoder are taken by layers before this one; "
                                    "decoder_connections needs a number for each recurrent layer of the decoder",
                                    states_->first.size()));
    edges.push_back(states_->first[states_->taken++]);
    return place(with_states, type_, name, edges);
  }
  const std::vector<int> out = place(with_states, type_, name, edges);
  states_->last.push_back(out[1]);
  return {out[0]};
}

std::vector<int> GraphBuilder::place(std::shared_ptr<const Layer> layer, const std::string& type,
                                     const std::optional<std::string>& name, const std::vector<int>& in) {
  Node node;
  node.index = static_cast<std::int64_t>(graph_.nodes.size());
  node.type = type;
  node.where = where_;
  if (again_ >= 0) node.weights_of = again_++;
  node.name = node.owns_parameters() ? unique_name(name, type) : name_again(node.weights_of);
  node.in_edges = with_lengths(*layer, in);
  for (const int edge : node.in_edges) node.ins.push_back(spec_of(edge));
  try {
    node.outs = layer->infer(node.ins);
    node.parameters = layer->parameters(node.ins);
    for (const TensorSpec& out : node.outs) tensor::element_count(out.shape);
    for (const ParameterSpec& spec : node.parameters) tensor::element_count(spec.shape);
  } catch (const base::Error& error) {
    throw base::Error(error.code, fmt::format("layer '{}': {}", node.name, error.message), where_);
  }
  node.layer = std::move(layer);
  for (const int edge : node.in_edges)
    graph_.edges[static_cast<std::size_t>(edge)].consumers.push_back(static_cast<int>(node.index));
  for (const TensorSpec& out : node.outs) {
    node.out_edges.push_back(static_cast<int>(graph_.edges.size()));
    graph_.edges.push_back({out, "", static_cast<int>(node.index), {}});
  }
  pass_lengths_on(node);
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().out_edges;
}

void GraphBuilder::set_lengths(int sequence, int lengths) {
  graph_.edges[static_cast<std::size_t>(sequence)].lengths = lengths;
}

std::vector<int> GraphBuilder::with_lengths(const Layer& layer, const std::vector<int>& in) const {
  std::vector<int> edges = in;
  const int read = layer.reads_lengths_of();
  const auto is_length = [&](int edge) { return spec_of(edge).is_length(); };
  if (read < 0 || static_cast<std::size_t>(read) >= in.size() || std::any_of(in.begin() + 1, in.end(), is_length))
    return edges;
  const int lengths = graph_.edges[static_cast<std::size_t>(in[static_cast<std::size_t>(read)])].lengths;
  if (lengths >= 0) edges.push_back(lengths);
  return edges;
}

/// What comes out of a node has the lengths of its first input, or of another one that it reads step by step, as long
/// as it has as many steps.
void GraphBuilder::pass_lengths_on(const Node& node) {
  if (node.in_edges.empty() || node.ins[0].shape.empty()) return;
  int lengths = -1;
  for (std::size_t i = 0; i < node.ins.size(); ++i) {
    if (i > 0 && node.layer->sight(i) == Sight::whole) continue;
    const int its = lengths_of(node.in_edges[i]);
    if (lengths >= 0 && its >= 0 && its != lengths)
      throw base::Error(
          base::Code::invalid_argument,
          fmt::format("layer '{}': the sequences that it puts together have each a length of its own; let "
                      "them come from one sequence, or give one of them none",
                      node.name),
          where_);
    if (lengths < 0) lengths = its;
  }
  if (lengths < 0 && node.layer->reads_lengths_of() == 0)
    for (std::size_t i = 1; i < node.ins.size(); ++i)
      if (node.ins[i].is_length()) lengths = node.in_edges[i];  // given by the model itself
  if (lengths < 0) return;
  for (const int out : node.out_edges) {
    const tensor::Shape& shape = spec_of(out).shape;
    if (shape.size() > 1 && shape.back() == node.ins[0].shape.back()) set_lengths(out, lengths);
  }
}

}  // namespace neon
