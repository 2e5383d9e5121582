#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "neon/graph.h"

namespace neon {

/// Adds parts to a graph, one behind the other or side by side.
class GraphBuilder {
 public:
  explicit GraphBuilder(Graph& graph) : graph_(graph) {}

  /// An edge that a batch fills.
  int add_input(TensorSpec spec, std::string name = {});
  /// That of a name. Errors: invalid_argument naming those there are.
  int input(std::string_view name) const;
  bool is_input(int edge) const { return graph_.edges[static_cast<std::size_t>(edge)].producer < 0; }

  /// Builds a part behind these edges. Returns the edges that come out of it.
  /// Errors: invalid_argument naming the layer as the file does, and its place.
  std::vector<int> add(const Part& part, const std::vector<int>& in);
  /// One after the other.
  std::vector<int> add(const std::vector<Part>& parts, std::vector<int> in);

  /// Builds parts once more, behind other edges: their layers use the weights of those that were built from node
  /// `first` on, and are called after them.
  std::vector<int> add_again(const std::vector<Part>& parts, const std::vector<int>& in, std::size_t first);

  /// An edge that training draws random numbers for. Say so with set_adversaries.
  int add_noise(TensorSpec spec);
  void set_adversaries(Adversaries adversaries) { graph_.adversaries = std::move(adversaries); }
  const std::vector<int>& inputs() const { return graph_.inputs; }
  std::size_t node_count() const { return graph_.nodes.size(); }

  /// Adds a node; a name that is not given is made from the type. The place in the file is that of the part being
  /// built.
  std::vector<int> place(std::shared_ptr<const Layer> layer, const std::string& type,
                         const std::optional<std::string>& name, const std::vector<int>& in);
  /// The same for the layer that is being built.
  std::vector<int> place(std::shared_ptr<const Layer> layer, const std::vector<int>& in);

  const TensorSpec& spec_of(int edge) const { return graph_.spec_of(edge); }

  /// Says which edge tells how many steps of a sequence are real. Layers that keep the steps pass it on, and those that
  /// read it (Layer::reads_lengths_of) get it as a further input.
  void set_lengths(int sequence, int lengths);
  /// -1: all steps are real.
  int lengths_of(int sequence) const { return graph_.edges[static_cast<std::size_t>(sequence)].lengths; }

  /// What recurrent layers in one direction of time do with their states while they are built: start from these, one
  /// each in order, and add the edges of their last ones there.
  struct States {
    std::vector<int> first, last;
    std::size_t taken = 0;  ///< of `first`
    bool given = false;     ///< whether layers start from `first` at all
  };
  /// nullptr: states start from zeros and are of no interest to others. Returns what held before.
  States* exchange_states(States* states) { return std::exchange(states_, states); }

  /// The name that the next layer of this type would get.
  std::string next_name(std::string_view type) const;

  /// Points that branches start from, by name.
  void remember_branch(const std::string& name, int edge) { branches_[name] = edge; }
  bool knows_branch(const std::string& name) const { return branches_.contains(name); }
  int branch(const std::string& name) const { return branches_.at(name); }

  /// Evaluation and prediction compute the first output only.
  void predict_main_output_only() { graph_.predicts_main_output_only = true; }

 private:
  std::vector<int> with_lengths(const Layer& layer, const std::vector<int>& in) const;
  void pass_lengths_on(const Node& node);
  std::string name_again(int node);
  std::string unique_name(const std::optional<std::string>& given, const std::string& type);

  Graph& graph_;
  std::string type_, where_;  ///< of the part being built
  States* states_ = nullptr;
  int again_ = -1;  ///< node whose weights the next one uses
  std::map<std::string, std::int64_t, std::less<>> counts_;
  std::set<std::string> taken_;
  std::map<std::string, int> branches_;
};

}  // namespace neon
