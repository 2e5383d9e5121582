#include <omp.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "neon/finite.h"
#include "neon/initializer.h"
#include "neon/lowering/plan_state.h"
#include "neon/lowering/sequence.h"
#include "neon/lowering/training_kernels.h"
#include "neon/memory.h"
#include "neon/pairing.h"
#include "neon/passes/pass.h"
#include "tensor/threads.h"

namespace neon {
namespace {

using tensor::Slot;

/// One thread for a step that is over in about a millisecond: waking and joining a team costs more than it gains.
int threads_for_graph(const Graph& graph, const PlanOptions& options) {
  const int available = options.threads > 0 ? options.threads : omp_get_num_procs();
  const double passes = options.trains() ? 3 : 1;  // forward, input gradient, weight gradient
  constexpr double kOneMillisecond = 40e6;         // multiplications on one core
  return graph.operations() * passes * static_cast<double>(options.batch_size) < kOneMillisecond ? 1 : available;
}

}  // namespace

/// Turns a graph into the steps of a plan.
class PlanMaker {
 public:
  explicit PlanMaker(Plan::State& state)
      : s_(state),
        b_(state.options.batch_size, state.options.trains(), state.options.streams && !state.graph.adversaries,
           state.options.only_kernels),
        groups_(groups_of(state.graph)),
        targets_(state.options.costs.size(), -1),
        costs_(targets_),
        masks_(targets_) {
    for (const CostTerm& term : s_.options.costs)
      if (takes_shortcut(s_.graph, s_.options.costs, term)) group_of(term.output).takes_shortcut = true;
    for (const int edge : s_.graph.inputs) inputs_.push_back(input(edge));
    if (s_.graph.adversaries) noise_ = input(s_.graph.adversaries->noise);
  }

  void make() {
    declare_parameters();
    if (s_.options.trains()) add_training(Phase::train);
    if (s_.options.trains() && s_.graph.adversaries) add_training(Phase::train_generator);
    add_inference();
    const std::size_t needed = b_.place_all();
    check_memory(s_.graph, s_.options, needed);
    const auto carried = b_.carried_states();
    s_.program = b_.finish();
    for (const Lowering::CarriedState& each : carried)
      s_.carried.push_back({each.node, each.phase, each.value.layout.shape(), s_.program.address(each.value.buffer)});
    for (const Phase phase : kPhases) {
      const auto i = static_cast<std::size_t>(phase);
      for (const Value& input : inputs_of(phase)) s_.input_uses[i].push_back(s_.program.uses_of(phase, input.buffer));
      for (const Made& made : made_[i])
        s_.outputs[i].push_back(
            {made.node, s_.program.address(made.value.buffer), made.value.layout.size_bytes(), made.steps});
    }
    for (const int cost : costs_) s_.costs.push_back(reinterpret_cast<const double*>(s_.program.address(cost)));
    for (const int target : targets_) s_.targets.push_back(s_.program.address(target));
    for (std::size_t i = 0; i < masks_.size(); ++i) {
      s_.masks.push_back(masks_[i] < 0 ? nullptr : s_.program.address(masks_[i]));
      s_.masked.emplace_back(masks_[i] < 0 ? 0
                                           : static_cast<std::size_t>(2 * s_.options.batch_size *
                                                                      s_.graph.out_count(s_.options.costs[i].output)));
    }
    if (input_gradient_)
      s_.input_gradient = {reinterpret_cast<const float*>(s_.program.address(input_gradient_.buffer)),
                           input_gradient_.layout.size_bytes() / sizeof(float)};
    for (const Value& output : predicted_) s_.predicted.push_back(s_.program.address(output.buffer));
    for (const Value& lengths : lengths_) s_.lengths.push_back(lengths ? s_.program.address(lengths.buffer) : nullptr);
    for (std::size_t i = 0; i < predicted_.size(); ++i)
      s_.compared.emplace_back(s_.options.trains() && (s_.graph.rows_per_example(i) > 1 || lengths_[i])
                                   ? static_cast<std::size_t>(s_.options.batch_size * s_.graph.out_count(i))
                                   : 0);
  }

 private:
  Value input(int edge) {
    return b_.external(tensor::Layout::row_major(s_.dtype_of(edge), batch_shape(s_.graph.spec_of(edge).shape)));
  }

  /// What comes with each run of a phase.
  std::vector<Value> inputs_of(Phase phase) const {
    return s_.graph.adversaries && phase == Phase::infer ? std::vector{noise_} : inputs_;
  }

  tensor::Shape batch_shape(const tensor::Shape& sample) const {
    tensor::Shape shape{s_.options.batch_size};
    shape.insert(shape.end(), sample.begin(), sample.end());
    return shape;
  }

  tensor::Layout plain(const tensor::Shape& sample) const {
    return tensor::Layout::row_major(tensor::Dtype::f32, batch_shape(sample));
  }

  Group& group_of(std::size_t output) {
    const Node* maker = s_.graph.maker_of(output);
    return *std::find_if(groups_.begin(), groups_.end(), [&](const Group& group) { return &group.last() == maker; });
  }

  /// nullptr when nothing is updated.
  const Optimizer* rule_of(const Node& node) const {
    return s_.options.optimizer ? &s_.options.optimizer->rule_for(node.name, node.type) : nullptr;
  }

  /// Whether it is a node's turn to learn in the phase being made.
  bool takes_part(const Node& node) const {
    return !s_.graph.adversaries || s_.graph.adversaries->generates(node.index) == (phase_ == Phase::train_generator);
  }

  bool learns(const Node& node) const {
    const Optimizer* rule = rule_of(node);
    return takes_part(node) && node.learns() && (rule == nullptr || rule->learns());
  }

  bool learns(const Group& group) const {
    return learns(*group.node) ||
           std::any_of(group.absorbed.begin(), group.absorbed.end(), [&](const Node* node) { return learns(*node); });
  }

  void declare_parameters() {
    for (const Node& node : s_.graph.nodes) {
      if (!node.owns_parameters()) continue;
      const Optimizer* rule = rule_of(node);
      const int states = rule != nullptr ? rule->state_count() : 0;
      if (states > kMaximumStates)
        throw base::Error(base::Code::internal, fmt::format("the update rule of layer '{}' keeps {} states; at most {}",
                                                            node.name, states, kMaximumStates));
      b_.declare(node,
                 {.states = states,
                  .sums = rule != nullptr && s_.options.batches_per_update > 1,
                  .averages = rule != nullptr && s_.options.weight_average.has_value()},
                 rule != nullptr && !rule->learns());
    }
    if (s_.options.weights_of != nullptr) b_.share_weights(s_.options.weights_of->state_->program);
  }

  static std::vector<Value> picked(const std::vector<Value>& values, const std::vector<int>& edges) {
    std::vector<Value> list;
    for (const int edge : edges) list.push_back(values[static_cast<std::size_t>(edge)]);
    return list;
  }

  /// Training needs every node; prediction, and a generator's steps, those that their outputs depend on.
  std::vector<bool> needed_nodes(Phase phase) const {
    std::vector<bool> needed(s_.graph.nodes.size(), phase == Phase::train);
    const auto need_maker = [&](int edge) {
      const int maker = s_.graph.edges[static_cast<std::size_t>(edge)].producer;
      if (maker >= 0) needed[static_cast<std::size_t>(maker)] = true;
    };
    if (phase == Phase::train_generator) need_maker(s_.graph.outputs[kSaidOfMade]);
    for (std::size_t i = 0; i < s_.graph.predicted_count(); ++i) need_maker(s_.graph.outputs[i]);
    for (std::size_t i = needed.size(); i-- > 0;)
      if (needed[i])
        for (const int edge : s_.graph.nodes[i].in_edges) need_maker(edge);
    return needed;
  }

  struct Lowered {
    const Group* group;
    std::unique_ptr<LayerSteps> steps;
  };

  /// Emits the forward steps of every group that is needed. Afterwards `values_` has what flows along each edge.
  std::vector<Lowered> add_forward(Phase phase) {
    phase_ = phase;
    b_.begin(phase);
    b_.work_on(nullptr, Stage::forward);
    values_.assign(s_.graph.edges.size(), {});
    add_inputs();
    std::vector<Lowered> layers;
    const std::vector<bool> needed = needed_nodes(phase);
    for (const Group& group : groups_) {
      if (!needed[static_cast<std::size_t>(group.last().index)]) continue;
      b_.work_on(group.node, Stage::forward);
      layers.push_back({&group, group.node->layer->lower(group)});
      const std::vector<Value> outs = layers.back().steps->forward(b_, picked(values_, group.node->in_edges));
      for (std::size_t i = 0; i < outs.size(); ++i) {
        values_[static_cast<std::size_t>(group.last().out_edges[i])] = outs[i];
        made_[static_cast<std::size_t>(phase)].push_back({group.node, outs[i], b_.step_count()});
      }
    }
    return layers;
  }

  void add_inputs() {
    const auto numbers = [&](int edge, const Value& input) {
      const TensorSpec& spec = s_.graph.spec_of(edge);
      values_[static_cast<std::size_t>(edge)] =
          b_.in_layout(input, tensor::Layout::row_major(spec.dtype, batch_shape(spec.shape)), "input as numbers");
    };
    if (s_.graph.adversaries) {
      const int edge = s_.graph.adversaries->noise;
      if (phase_ == Phase::infer) return numbers(edge, noise_);
      const Value drawn = values_[static_cast<std::size_t>(edge)] = b_.value(batch_shape(s_.graph.spec_of(edge).shape));
      b_.add("noise", tensor::noise(drawn.layout, s_.graph.adversaries->noise_type), {{Slot::dst, drawn.buffer}});
      if (phase_ == Phase::train_generator) return;
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i) numbers(s_.graph.inputs[i], inputs_[i]);
  }

  Value plain_output(std::size_t output) {
    const Value& value = values_[static_cast<std::size_t>(s_.graph.outputs[output])];
    return b_.in_layout(value, tensor::Layout::row_major(tensor::Dtype::f32, value.layout.shape()),
                        "output in plain order");
  }

  /// An output of the graph as the rows that a cost reads, those of a sequence in the order of time.
  Value as_rows(std::size_t output) {
    if (is_sequence(s_.graph.out_shape(output)))
      return rows_of_sequence(b_, values_[static_cast<std::size_t>(s_.graph.outputs[output])], "output");
    return plain_output(output).reshaped({s_.options.batch_size, s_.graph.out_count(output)});
  }

  /// And back: the gradient of such rows as that of the output.
  Value of_rows(const Value& rows, std::size_t output) {
    const tensor::Shape& shape = s_.graph.out_shape(output);
    return is_sequence(shape) ? sequence_of_rows(b_, rows, shape[1], "error") : rows.reshaped(batch_shape(shape));
  }

  void add_training(Phase phase) {
    const auto layers = add_forward(phase);
    gradients_.assign(s_.graph.edges.size(), {});
    delivered_.clear();
    find_wanted();
    b_.work_on(nullptr, Stage::cost);
    for (std::size_t i = 0; i < s_.options.costs.size(); ++i)
      if (s_.options.costs[i].of_generator == (phase == Phase::train_generator)) add_cost(i);
    s_.cost_end[static_cast<std::size_t>(phase)] = b_.step_count();
    for (std::size_t i = layers.size(); i-- > 0;) add_backward(*layers[i].group, *layers[i].steps);
    b_.work_on(nullptr, Stage::backward);
    if (s_.options.input_gradient && phase == Phase::train) {
      const int edge = s_.graph.inputs.front();
      const tensor::Layout layout = plain(s_.graph.spec_of(edge).shape);
      // In a place of its own: predictions, which share memory with the steps of training, leave it as it is.
      input_gradient_ = {b_.lasting(Lowering::Lasting::other, layout.size_bytes()), layout};
      if (const Value gradient = gradient_of(edge))
        b_.reorder(gradient, input_gradient_, "input gradient in plain order");
    }
    add_clipped_updates();
  }

  /// The walk back goes no further than where something learns.
  void find_wanted() {
    wanted_.assign(s_.graph.edges.size(), false);
    if (s_.options.input_gradient) wanted_[static_cast<std::size_t>(s_.graph.inputs.front())] = true;
    for (const Node& node : s_.graph.nodes) {
      bool wanted = learns(node);
      for (const int edge : node.in_edges) wanted = wanted || wanted_[static_cast<std::size_t>(edge)];
      for (const int edge : node.out_edges) wanted_[static_cast<std::size_t>(edge)] = wanted;
    }
  }

  void add_backward(const Group& group, LayerSteps& layer) {
    std::vector<bool> wanted;
    for (const int edge : group.node->in_edges) wanted.push_back(wanted_[static_cast<std::size_t>(edge)]);
    if (!learns(group) && std::find(wanted.begin(), wanted.end(), true) == wanted.end()) return;
    std::vector<Value> diff_dsts;
    bool reached = false;
    for (const int edge : group.last().out_edges) {
      diff_dsts.push_back(gradient_of(edge));
      reached = reached || diff_dsts.back();
    }
    if (!reached) return;  // no cost depends on it
    b_.work_on(group.node, Stage::backward);
    const std::vector<Diverted> diverted = divert_gradients(group);
    const std::vector<Value> diff_srcs = layer.backward(b_, diff_dsts, wanted);
    for (const Diverted& each : diverted) bring_back(each);
    for (std::size_t i = 0; i < diff_srcs.size(); ++i)
      if (wanted[i] && diff_srcs[i])
        gradients_[static_cast<std::size_t>(group.node->in_edges[i])].push_back(diff_srcs[i]);
    add_updates(group);
  }

  /// A parameter whose gradient is written elsewhere for a while.
  struct Diverted {
    Parameter* parameter;
    int gradient;
    bool adds;  ///< to what another node with the same weights wrote
  };

  /// While the backward steps of a group are added: gradients that nobody reads in this phase go to a place of their
  /// own, and so do those of weights that have one from another node already.
  std::vector<Diverted> divert_gradients(const Group& group) {
    std::vector<Diverted> diverted;
    const auto divert = [&](const Node& node) {
      for (const ParameterSpec& spec : node.parameters) {
        Parameter& parameter = b_.parameter(node, spec.name);
        if (parameter.gradient < 0) continue;
        const bool reads = parameter.learns && takes_part(node);
        if (reads ? delivered_.insert(&parameter).second : phase_ == Phase::train && !s_.graph.adversaries) continue;
        diverted.push_back({&parameter, parameter.gradient, reads});
        parameter.waits = !reads;  // layers need not compute what nobody reads
        parameter.gradient = b_.scratch(parameter.layout.size_bytes());
      }
    };
    divert(*group.node);
    for (const Node* node : group.absorbed) divert(*node);
    return diverted;
  }

  void bring_back(const Diverted& diverted) {
    Parameter& parameter = *diverted.parameter;
    const int written = std::exchange(parameter.gradient, diverted.gradient);
    parameter.waits = false;
    if (!diverted.adds) return;
    b_.add("sum of gradients", tensor::sum(parameter.layout, 2),
           {{Slot::src, parameter.gradient}, {Slot::src, written}, {Slot::dst, parameter.gradient}});
  }

  /// The sum of what the consumers of an edge gave back; empty when none did.
  Value gradient_of(int edge) {
    const std::vector<Value>& parts = gradients_[static_cast<std::size_t>(edge)];
    if (parts.empty()) return {};
    if (parts.size() == 1) return parts[0];
    std::vector<std::pair<Slot, int>> buffers;
    for (const Value& part : parts)
      buffers.emplace_back(Slot::src, b_.in_layout(part, parts[0].layout, "error in another order").buffer);
    const Value sum = b_.value(parts[0].layout);
    b_.may_replace(parts[0], sum);
    buffers.emplace_back(Slot::dst, sum.buffer);
    b_.add("sum of errors", tensor::sum(parts[0].layout, parts.size()), buffers);
    return sum;
  }

  void add_inference() {
    add_forward(Phase::infer);
    b_.work_on(nullptr, Stage::forward);
    for (std::size_t i = 0; i < s_.graph.predicted_count(); ++i) {
      Value output = plain_output(i);
      const std::vector<Value> inputs = inputs_of(Phase::infer);
      const bool outside =
          std::any_of(inputs.begin(), inputs.end(), [&](const Value& input) { return input.buffer == output.buffer; });
      if (outside) {  // a network of identities
        const Value copy = b_.value(output.layout);
        b_.reorder(output, copy, "output");
        output = copy;
      }
      b_.keep_to_end(output);
      predicted_.push_back(output);
      lengths_.push_back(lengths_value(i));
    }
  }

  /// How many steps of an output are real; empty where all are.
  Value lengths_value(std::size_t output) {
    const int edge = s_.graph.lengths_of(output);
    if (edge < 0) return {};
    const Value& lengths = values_[static_cast<std::size_t>(edge)];
    b_.keep_to_end(lengths);
    return lengths;
  }

  void add_cost(std::size_t i) {
    const CostTerm& term = s_.options.costs[i];
    const Value y = as_rows(term.output);
    targets_[i] = b_.lasting(Lowering::Lasting::other, y.layout.size_bytes());
    costs_[i] = b_.lasting(Lowering::Lasting::other, sizeof(double));
    Value dy = b_.value(y.layout);
    const bool shortcut = takes_shortcut(s_.graph, s_.options.costs, term);
    std::vector<std::pair<Slot, int>> buffers{
        {Slot::src, y.buffer}, {Slot::target, targets_[i]}, {Slot::diff_src, dy.buffer}, {Slot::result, costs_[i]}};
    if (term.mask >= 0) {
      masks_[i] = b_.lasting(Lowering::Lasting::other, y.layout.size_bytes());
      buffers.emplace_back(Slot::target, masks_[i]);
    }
    const int lengths = s_.graph.lengths_of(term.output);
    if (lengths >= 0) buffers.emplace_back(Slot::src, values_[static_cast<std::size_t>(lengths)].buffer);
    b_.add("cost",
           cost_kernel(term.cost, y.layout.shape(),
                       {.takes_shortcut = shortcut,
                        .masked = term.mask >= 0,
                        .has_lengths = lengths >= 0,
                        .examples = s_.options.batch_size}),
           buffers);
    if (term.weight != 1) {
      const Value weighted = b_.value(y.layout);
      b_.may_replace(dy, weighted);
      b_.add("weight of the cost", tensor::scaled(y.layout, static_cast<float>(term.weight)),
             {{Slot::src, dy.buffer}, {Slot::dst, weighted.buffer}});
      dy = weighted;
    }
    gradients_[static_cast<std::size_t>(s_.graph.outputs[term.output])].push_back(of_rows(dy, term.output));
  }

  /// The parameters of a group that learn, with the rules they follow.
  template <class Visit>
  void for_each_learned(const Group& group, Visit&& visit) {
    if (!s_.options.optimizer) return;
    for (Parameter& parameter : b_.parameters()) {
      const bool mine = parameter.node == group.node ||
                        std::find(group.absorbed.begin(), group.absorbed.end(), parameter.node) != group.absorbed.end();
      if (mine && parameter.learns && takes_part(*parameter.node)) visit(parameter, *rule_of(*parameter.node));
    }
  }

  /// Right after the gradient, while it is warm; except where the rule first needs the norm of all gradients.
  void add_updates(const Group& group) {
    for_each_learned(group, [&](Parameter& parameter, const Optimizer& rule) {
      if (parameter.sum >= 0) add_to_sum(parameter);
      if (!rule.gradient_clip_norm()) add_update(parameter, rule, -1);
    });
  }

  void add_clipped_updates() {
    std::map<const Optimizer*, std::vector<Parameter*>> clipped;
    std::vector<const Optimizer*> order;  // of first appearance, because addresses differ between runs
    for (const Group& group : groups_)
      for_each_learned(group, [&](Parameter& parameter, const Optimizer& rule) {
        if (!rule.gradient_clip_norm()) return;
        auto& list = clipped[&rule];
        if (list.empty()) order.push_back(&rule);
        list.push_back(&parameter);
      });
    for (const Optimizer* rule : order) {
      const int scale = add_norm(clipped[rule], *rule->gradient_clip_norm());
      for (Parameter* parameter : clipped[rule]) add_update(*parameter, *rule, scale);
    }
  }

  /// The factor that brings the norm of all gradients down to the limit, as one double.
  int add_norm(const std::vector<Parameter*>& parameters, double limit) {
    b_.work_on(nullptr, Stage::update);
    const int scale = b_.lasting(Lowering::Lasting::other, sizeof(double));
    std::vector<std::pair<Slot, int>> buffers{{Slot::result, scale}};
    std::vector<tensor::Layout> gradients;
    for (const Parameter* parameter : parameters) {
      buffers.emplace_back(Slot::diff_weights, gradient_for_update(*parameter));
      gradients.push_back(parameter->layout);
    }
    b_.add("norm of the gradients", norm_kernel(limit, gradients), buffers);
    return scale;
  }

  static int gradient_for_update(const Parameter& parameter) {
    return parameter.sum >= 0 ? parameter.sum : parameter.gradient;
  }

  void add_to_sum(const Parameter& parameter) {
    b_.work_on(parameter.node, Stage::update);
    b_.add(parameter.node->name + " sum of gradients", gradient_sum_kernel(parameter.layout),
           {{Slot::diff_weights, parameter.gradient}, {Slot::state, parameter.sum}});
  }

  void add_update(const Parameter& parameter, const Optimizer& rule, int scale) {
    b_.work_on(parameter.node, Stage::update);
    std::vector<std::pair<Slot, int>> buffers{{Slot::weights, parameter.weights},
                                              {Slot::diff_weights, gradient_for_update(parameter)}};
    for (const int state : parameter.states) buffers.emplace_back(Slot::state, state);
    if (scale >= 0) buffers.emplace_back(Slot::result, scale);
    b_.add(parameter.node->name + " update", update_kernel(rule, parameter.layout, parameter.states.size(), scale >= 0),
           buffers);
    add_clamp(parameter);
    if (parameter.average >= 0)
      b_.add(parameter.node->name + " average", average_kernel(s_.options.weight_average->decay, parameter.layout),
             {{Slot::weights, parameter.weights}, {Slot::state, parameter.average}});
  }

  void add_clamp(const Parameter& parameter) {
    if (!s_.graph.adversaries || !s_.graph.adversaries->param_clamp || phase_ != Phase::train) return;
    b_.add(parameter.node->name + " clamp", clamp_kernel(parameter.layout, *s_.graph.adversaries->param_clamp),
           {{Slot::weights, parameter.weights}});
  }

  /// A group's outputs, and how many steps make them.
  struct Made {
    const Node* node;
    Value value;
    std::size_t steps;
  };

  Plan::State& s_;
  Lowering b_;
  Phase phase_ = Phase::train;
  std::vector<Group> groups_;
  std::vector<Value> values_;                  ///< of each edge, in the phase being made
  std::vector<std::vector<Value>> gradients_;  ///< of each edge: what each consumer gave back so far
  std::vector<bool> wanted_;                   ///< of each edge: whether its gradient is
  std::set<const Parameter*> delivered_;       ///< whose gradients have been written in this phase
  OfPhases<std::vector<Made>> made_;
  std::vector<Value> inputs_, predicted_, lengths_;
  Value noise_;  ///< that a prediction brings
  Value input_gradient_;
  std::vector<int> targets_, costs_, masks_;  ///< buffers of each cost term; -1 where it has no mask
};

namespace {

/// A bound of a discriminator's parameters holds from the start.
void keep_within_clamp(const Graph& graph, std::vector<NamedTensor>& tensors) {
  if (!graph.adversaries || !graph.adversaries->param_clamp) return;
  const auto bound = static_cast<float>(*graph.adversaries->param_clamp);
  std::size_t i = 0;
  for (const Node& node : graph.nodes)
    if (node.owns_parameters())
      for (const ParameterSpec& spec : node.parameters) {
        std::vector<float>& values = tensors[i++].values;
        if (spec.trained && !graph.adversaries->generates(node.index))
          for (float& value : values) value = std::clamp(value, -bound, bound);
      }
}

void initialize(Plan& plan) {
  constexpr std::uint64_t kPurpose = 0x696e6974;  // keeps these random numbers apart from those of other uses
  std::vector<NamedTensor> tensors = plan.export_parameters();
  std::size_t i = 0;
  for (const Node& node : plan.graph().nodes)
    for (std::size_t p = 0; node.owns_parameters() && p < node.parameters.size(); ++p, ++i) {
      const ParameterSpec& spec = node.parameters[p];
      base::Random random(plan.options().seed, base::stream_of(kPurpose, static_cast<std::uint64_t>(node.index), p));
      try {
        if (spec.init)
          spec.init->fill(tensors[i].values, spec.rows, spec.columns, random);
        else
          std::fill(tensors[i].values.begin(), tensors[i].values.end(), spec.constant);
      } catch (const base::Error& error) {
        throw base::Error(error.code, fmt::format("layer '{}': {}: {}", node.name, spec.name, error.message),
                          node.where);
      }
      if (!all_finite(tensors[i].values))
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("layer '{}': the initial values of {} pass the limit of f32, 3.4e38; start with "
                                      "smaller ones",
                                      node.name, spec.name),
                          node.where);
    }
  keep_within_clamp(plan.graph(), tensors);
  plan.import_parameters(tensors);
}

void check_inputs(const Graph& graph, std::span<const tensor::Column> inputs) {
  for (std::size_t i = 0; i < std::min(inputs.size(), graph.inputs.size()); ++i) {
    const TensorSpec& spec = graph.spec_of(graph.inputs[i]);
    const bool fits =
        inputs[i].dtype == spec.dtype || (inputs[i].dtype == tensor::Dtype::u8 && spec.dtype == tensor::Dtype::f32);
    if (!fits)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("the network was made for {} as input {}, but the data brings {}",
                                    base::word(spec.dtype), i, base::word(inputs[i].dtype)));
  }
}

void check(const Graph& graph, const PlanOptions& options) {
  const auto refuse = [](std::string message) { throw base::Error(base::Code::invalid_argument, std::move(message)); };
  if (options.batch_size < 1) refuse(fmt::format("the batch size must be positive, got {}", options.batch_size));
  check_inputs(graph, options.inputs);
  check_targets(graph, options.costs, options.targets);
  if (options.optimizer && !options.trains()) refuse("training needs a cost");
  if (options.batches_per_update < 1)
    refuse(fmt::format("batches_per_update must be positive, got {}", options.batches_per_update));
  if (options.batches_per_update > 1 && graph.adversaries)
    refuse(fmt::format("a GenerativeAdversarial updates after every batch: batches_per_update must be 1, got {}",
                       options.batches_per_update));
  if (options.trains()) check_statistics(graph, options.batch_size);
}

}  // namespace

std::unique_ptr<Plan> compile(const Graph& graph, const PlanOptions& options) {
  check(graph, options);
  const int threads = threads_for_graph(graph, options);
  const tensor::ThreadScope scope(threads);
  auto state = std::make_unique<Plan::State>(graph, options, threads);
  PlanMaker(*state).make();
  std::unique_ptr<Plan> plan(new Plan(std::move(state)));
  if (options.weights_of == nullptr) initialize(*plan);
  return plan;
}

}  // namespace neon
