#include "neon/memory.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/clock.h"
#include "base/error.h"
#include "neon/lowering/placement.h"
#include "neon/passes/pass.h"

namespace neon {
namespace {

double elements(const tensor::Shape& shape) {
  double count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<double>(extent);
  return count;
}

/// Of weights, gradients and optimizer states.
struct ParameterBytes {
  double plan = 0, checkpoint = 0;
};

ParameterBytes parameter_bytes(const Node& node, const PlanOptions& options) {
  ParameterBytes bytes;
  const int states = options.optimizer ? options.optimizer->rule_for(node.name, node.type).state_count() : 0;
  if (!node.owns_parameters()) return bytes;
  for (const ParameterSpec& spec : node.parameters) {
    const double each = elements(spec.shape) * sizeof(float);
    const int kept = options.trains() && spec.trained ? states + (options.weight_average ? 1 : 0) : 0;
    bytes.checkpoint += each * (1 + kept);
    bytes.plan += each * (1 + kept + (options.trains() && spec.trained ? 1 : 0));
  }
  return bytes;
}

bool keeps_input(const Group& group) {
  return group.node->layer->absorbs_bias() || group.node->layer->statistics_per_example(group.node->ins) > 0;
}

bool keeps_output(const Group& group) {
  return !group.node->layer->activation().empty() || (group.node->layer->absorbs_bias() && group.then());
}

/// How long each value and each error lives, in steps of one forward and, in training, one backward pass over the
/// groups: what Lowering finds from real steps, foretold from shapes.
class Foretold {
 public:
  Foretold(const Graph& graph, const PlanOptions& options, const std::vector<Group>& groups)
      : graph_(graph), options_(options), groups_(groups), count_(static_cast<int>(groups.size())) {
    std::vector<int> reading(graph.nodes.size(), -1);  // the group that reads a node's inputs
    for (int i = 0; i < count_; ++i) {
      const Group& group = groups_[static_cast<std::size_t>(i)];
      for (const int edge : group.last().out_edges) group_of_[edge] = i;
      reading[static_cast<std::size_t>(group.node->index)] = i;
    }
    readers_.resize(graph.edges.size());
    for (std::size_t edge = 0; edge < readers_.size(); ++edge)
      for (const int node : graph.edges[edge].consumers)
        if (const int group = reading[static_cast<std::size_t>(node)]; group >= 0) readers_[edge].push_back(group);
    for (std::size_t i = 0; i < graph.inputs.size(); ++i)
      if (const TensorSpec& spec = graph.spec_of(graph.inputs[i]); options.dtype_of(i, spec) != spec.dtype)
        needs_.push_back(value(graph.inputs[i], 0));
    for (const auto& [edge, group] : group_of_) needs_.push_back(value(edge, group));
    if (options.trains()) {
      add_kept();
      add_errors();
      add_costs();
    }
  }

  double bytes() const { return static_cast<double>(peak(needs_, replacements_)); }

 private:
  int backward(int group) const { return 2 * count_ - group; }

  std::size_t bytes_of(int edge) const {
    const double bytes =
        elements(graph_.spec_of(edge).shape) * static_cast<double>(options_.batch_size) * sizeof(float);
    return static_cast<std::size_t>(std::min(bytes, 1e15));
  }

  /// Calls visit(i, group) for the groups that read an edge.
  template <class Visit>
  void for_each_reader(int edge, const Visit& visit) const {
    for (const int i : readers_[static_cast<std::size_t>(edge)]) visit(i, groups_[static_cast<std::size_t>(i)]);
  }

  /// Training keeps an output where its layer or a next one is asked for it on the way back.
  Need value(int edge, int made) const {
    Need need{bytes_of(edge), made, made};
    const auto until = [&](int step) { need.last = std::max(need.last, step); };
    for_each_reader(edge, [&](int i, const Group& group) {
      until(i);
      if (options_.trains() && keeps_input(group)) until(backward(i));
    });
    if (options_.trains() && graph_.edges[static_cast<std::size_t>(edge)].producer >= 0 &&
        keeps_output(groups_[static_cast<std::size_t>(made)]))
      until(backward(made));
    if (graph_.is_output(edge)) until(count_);
    return need;
  }

  /// What layers keep for their own way back.
  void add_kept() {
    for (int i = 0; i < count_; ++i) {
      const Node& node = *groups_[static_cast<std::size_t>(i)].node;
      const double bytes =
          node.layer->kept_per_example(node.ins) * static_cast<double>(options_.batch_size) * sizeof(float);
      if (bytes > 0) needs_.push_back({static_cast<std::size_t>(std::min(bytes, 1e15)), i, backward(i)});
    }
  }

  /// Besides outputs and errors a cost has its targets, under a mask that and copies of both. Rows of real steps alone
  /// are gathered, and whole sequences brought together.
  void add_costs() {
    for (const CostTerm& term : options_.costs) {
      const std::size_t rows = bytes_of(graph_.outputs[term.output]);
      const bool gathers = graph_.lengths_of(term.output) >= 0;
      const std::size_t copies = term.cost->compares_sequences() ? 2 : (term.mask >= 0 ? 2 : 0) + (gathers ? 4 : 0);
      needs_.push_back({copies * rows, count_, count_});
      needs_.push_back({(term.mask >= 0 ? 2 : 1) * rows, 0, 2 * count_});
    }
  }

  /// Layers that keep their input's shape and multiply by nothing turn the error of their output into that of their
  /// input in place.
  void add_errors() {
    std::map<int, std::size_t> error_of;
    std::vector<bool> wanted(graph_.edges.size(), false);
    for (const Node& node : graph_.nodes) {
      bool learned = node.learns();
      for (const int edge : node.in_edges) learned = learned || wanted[static_cast<std::size_t>(edge)];
      for (const int edge : node.out_edges) wanted[static_cast<std::size_t>(edge)] = learned;
    }
    for (int i = count_ - 1; i >= 0; --i) {
      const Group& group = groups_[static_cast<std::size_t>(i)];
      for (const int edge : group.last().out_edges) {
        if (!wanted[static_cast<std::size_t>(edge)]) continue;
        int first = graph_.is_output(edge) ? count_ : backward(i);
        for_each_reader(edge, [&](int reader, const Group&) { first = std::min(first, backward(reader)); });
        error_of[edge] = needs_.size();
        needs_.push_back({bytes_of(edge), first, backward(i)});
      }
    }
    for (int i = count_ - 1; i >= 0; --i) {
      const Group& group = groups_[static_cast<std::size_t>(i)];
      if (group.node->layer->absorbs_bias() || group.node->in_edges.size() != 1) continue;
      const auto from = error_of.find(group.last().out_edges[0]), to = error_of.find(group.node->in_edges[0]);
      if (from != error_of.end() && to != error_of.end())
        replacements_.push_back({backward(i), from->second, to->second});
    }
  }

  const Graph& graph_;
  const PlanOptions& options_;
  const std::vector<Group>& groups_;
  int count_;
  std::map<int, int> group_of_;
  std::vector<std::vector<int>> readers_;  ///< of each edge: groups
  std::vector<Need> needs_;
  std::vector<Replacement> replacements_;
};

}  // namespace

MemoryNeeds memory_of(const Graph& graph, const PlanOptions& options) {
  MemoryNeeds needs;
  const Node* largest = nullptr;
  double lasting = 0;
  const std::vector<Group> groups = groups_of(graph);
  for (const Group& group : groups) {
    ParameterBytes parameters = parameter_bytes(*group.node, options);
    for (const Node* node : group.absorbed) {
      const ParameterBytes more = parameter_bytes(*node, options);
      parameters.plan += more.plan;
      parameters.checkpoint += more.checkpoint;
    }
    if (options.weights_of == nullptr) lasting += parameters.plan;
    needs.checkpoint_bytes += options.trains() ? parameters.checkpoint : 0;
    double here = parameters.plan;
    for (const TensorSpec& out : group.last().outs)
      here += elements(out.shape) * static_cast<double>(options.batch_size) * sizeof(float);
    if (here > needs.largest_bytes) {
      needs.largest_bytes = here;
      largest = &group.last();
    }
  }
  needs.plan_bytes = lasting + Foretold(graph, options, groups).bytes();
  const Node& node = largest != nullptr ? *largest : graph.nodes.front();
  const auto at = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return &g.last() == &node; });
  needs.largest_layer = at->node->name;
  needs.text = fmt::format("{} for batches of {}, {} of it for layer '{}' with inputs {} and outputs {}",
                           base::size_text(needs.plan_bytes), options.batch_size, base::size_text(needs.largest_bytes),
                           at->node->name, tensor::text(at->node->ins[0].shape), tensor::text(node.outs[0].shape));
  return needs;
}

void check_memory(const Graph& graph, const PlanOptions& options, std::size_t plan_bytes) {
  const double machine = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  if (static_cast<double>(plan_bytes) <= machine) return;
  throw base::Error(base::Code::unavailable,
                    fmt::format("the network needs {}, but this machine has {}; make that layer or the batch smaller",
                                memory_of(graph, options).text, base::size_text(machine)));
}

}  // namespace neon
