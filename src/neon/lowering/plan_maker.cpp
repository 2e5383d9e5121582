#include <omp.h>

#include "base/error.h"
#include "neon/finite.h"
#include "neon/initializer.h"
#include "neon/lowering/plan_state.h"
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
  const double passes = options.cost ? 3 : 1;  // forward, input gradient, weight gradient
  constexpr double kOneMillisecond = 40e6;     // multiplications on one core
  return graph.operations() * passes * static_cast<double>(options.batch_size) < kOneMillisecond ? 1 : available;
}

}  // namespace

/// Turns a graph into the steps of a plan.
class PlanMaker {
 public:
  explicit PlanMaker(Plan::State& state)
      : s_(state),
        b_(state.options.batch_size, state.options.cost != nullptr, state.options.only_kernels),
        groups_(groups_of(state.graph)) {
    groups_.back().takes_shortcut = s_.options.cost && takes_shortcut(s_.graph, *s_.options.cost);
  }

  void make() {
    declare_parameters();
    input_ = b_.external(tensor::Layout::row_major(s_.options.input_dtype, batch_shape(s_.graph.sample_shape)));
    if (s_.options.cost) add_training();
    add_inference();
    const std::size_t needed = b_.place_all();
    check_memory(s_.graph, s_.options, needed);
    s_.program = b_.finish();
    for (const Phase phase : {Phase::train, Phase::infer})
      s_.input_uses[static_cast<std::size_t>(phase)] = s_.program.uses_of(phase, input_.buffer);
    for (std::size_t phase = 0; phase < outputs_.size(); ++phase)
      for (const Made& made : outputs_[phase])
        s_.outputs[phase].push_back(
            {made.node, s_.program.address(made.value.buffer), made.value.layout.size_bytes(), made.steps});
    if (s_.options.cost) {
      s_.target = s_.program.address(target_);
      s_.cost = reinterpret_cast<const double*>(s_.program.address(cost_));
    }
    if (input_gradient_)
      s_.input_gradient = {reinterpret_cast<const float*>(s_.program.address(input_gradient_.buffer)),
                           input_gradient_.layout.size_bytes() / sizeof(float)};
    s_.output = s_.program.address(output_.buffer);
  }

 private:
  tensor::Shape batch_shape(const tensor::Shape& sample) const {
    tensor::Shape shape{s_.options.batch_size};
    shape.insert(shape.end(), sample.begin(), sample.end());
    return shape;
  }

  void declare_parameters() {
    for (const Node& node : s_.graph.nodes) {
      const int states = s_.options.optimizer ? s_.options.optimizer->rule_for(node.name, node.type).state_count() : 0;
      if (states > kMaximumStates)
        throw base::Error(base::Code::internal, fmt::format("the update rule of layer '{}' keeps {} states; at most {}",
                                                            node.name, states, kMaximumStates));
      b_.declare(node, [&](const ParameterSpec&) { return states; });
    }
    if (s_.options.weights_of != nullptr) b_.share_weights(s_.options.weights_of->state_->program);
  }

  Value as_numbers(const Value& input) {
    return b_.in_layout(input, tensor::Layout::row_major(tensor::Dtype::f32, input.layout.shape()), "input as numbers");
  }

  /// The network's output as plain rows.
  Value as_rows(const Value& value) {
    const Value plain = b_.in_layout(value, tensor::Layout::row_major(tensor::Dtype::f32, value.layout.shape()),
                                     "output in plain order");
    return plain.reshaped({s_.options.batch_size, s_.graph.out_count()});
  }

  void add_training() {
    b_.begin(Phase::train);
    Value value = as_numbers(input_);
    std::vector<std::unique_ptr<LayerSteps>> layers;
    for (const Group& group : groups_) {
      layers.push_back(group.node->layer->lower(group));
      value = layers.back()->forward(b_, value);
      note_output(Phase::train, group, value);
    }
    Value error = add_cost(as_rows(value)).reshaped(batch_shape(s_.graph.out_shape()));
    for (std::size_t i = groups_.size(); i-- > 0;) {
      const bool wants_diff_src = s_.options.input_gradient || learns_before(i);
      if (!wants_diff_src && !learns(groups_[i])) break;
      error = layers[i]->backward(b_, error, wants_diff_src);
      add_updates(groups_[i]);
      if (!wants_diff_src) break;
    }
    if (s_.options.input_gradient) {
      input_gradient_ =
          b_.in_layout(error, tensor::Layout::row_major(tensor::Dtype::f32, batch_shape(s_.graph.sample_shape)),
                       "input gradient in plain order");
      b_.keep_to_end(input_gradient_);
    }
    add_clipped_updates();
  }

  void add_inference() {
    b_.begin(Phase::infer);
    Value value = as_numbers(input_);
    for (const Group& group : groups_) {
      value = group.node->layer->lower(group)->forward(b_, value);
      note_output(Phase::infer, group, value);
    }
    output_ = as_rows(value);
    if (output_.buffer == input_.buffer) {  // a network of identities
      const Value copy = b_.value(output_.layout);
      b_.reorder(output_, copy, "output");
      output_ = copy;
    }
    b_.keep_to_end(output_);
  }

  void note_output(Phase phase, const Group& group, const Value& value) {
    outputs_[static_cast<std::size_t>(phase)].push_back({group.node, value, b_.step_count()});
  }

  Value add_cost(const Value& y) {
    target_ = b_.lasting(Lowering::Lasting::other, y.layout.size_bytes());
    cost_ = b_.lasting(Lowering::Lasting::other, sizeof(double));
    const Value dy = b_.value(y.layout);
    b_.add("cost", cost_kernel(s_.options.cost, y.layout.shape(), groups_.back().takes_shortcut),
           {{Slot::src, y.buffer}, {Slot::target, target_}, {Slot::diff_src, dy.buffer}, {Slot::result, cost_}});
    s_.cost_end = b_.step_count();
    return dy;
  }

  static bool learns(const Group& group) {
    const auto has = [](const Node& node) {
      return std::any_of(node.parameters.begin(), node.parameters.end(),
                         [](const ParameterSpec& p) { return p.trained; });
    };
    return has(*group.node) ||
           std::any_of(group.absorbed.begin(), group.absorbed.end(), [&](const Node* n) { return has(*n); });
  }
  bool learns_before(std::size_t group) const {
    return std::any_of(groups_.begin(), groups_.begin() + static_cast<std::ptrdiff_t>(group), learns);
  }

  /// The parameters of a group that learn, with the rules they follow.
  template <class Visit>
  void for_each_learned(const Group& group, Visit&& visit) {
    if (!s_.options.optimizer) return;
    for (Parameter& parameter : b_.parameters()) {
      const bool mine = parameter.node == group.node ||
                        std::find(group.absorbed.begin(), group.absorbed.end(), parameter.node) != group.absorbed.end();
      if (mine && parameter.gradient >= 0)
        visit(parameter, s_.options.optimizer->rule_for(parameter.node->name, parameter.node->type));
    }
  }

  /// Right after the gradient, while it is warm; except where the rule first needs the norm of all gradients.
  void add_updates(const Group& group) {
    for_each_learned(group, [&](Parameter& parameter, const Optimizer& rule) {
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
    const int scale = b_.lasting(Lowering::Lasting::other, sizeof(double));
    std::vector<std::pair<Slot, int>> buffers{{Slot::result, scale}};
    std::vector<tensor::Layout> gradients;
    for (const Parameter* parameter : parameters) {
      buffers.emplace_back(Slot::diff_weights, parameter->gradient);
      gradients.push_back(parameter->layout);
    }
    b_.add("norm of the gradients", norm_kernel(limit, gradients), buffers);
    return scale;
  }

  void add_update(const Parameter& parameter, const Optimizer& rule, int scale) {
    std::vector<std::pair<Slot, int>> buffers{{Slot::weights, parameter.weights},
                                              {Slot::diff_weights, parameter.gradient}};
    for (const int state : parameter.states) buffers.emplace_back(Slot::state, state);
    if (scale >= 0) buffers.emplace_back(Slot::result, scale);
    b_.add(parameter.node->name + " update", update_kernel(rule, parameter.layout, parameter.states.size(), scale >= 0),
           buffers);
  }

  Plan::State& s_;
  Lowering b_;
  std::vector<Group> groups_;
  /// A group's outputs, and how many steps make them.
  struct Made {
    const Node* node;
    Value value;
    std::size_t steps;
  };
  std::array<std::vector<Made>, 2> outputs_;
  Value input_, output_, input_gradient_;
  int target_ = -1, cost_ = -1;
};

namespace {

void initialize(Plan& plan) {
  constexpr std::uint64_t kPurpose = 0x696e6974;  // keeps these random numbers apart from those of other uses
  std::vector<NamedTensor> tensors = plan.export_parameters();
  std::size_t i = 0;
  for (const Node& node : plan.graph().nodes)
    for (std::size_t p = 0; p < node.parameters.size(); ++p, ++i) {
      const ParameterSpec& spec = node.parameters[p];
      base::Random random(plan.options().seed, base::stream_of(kPurpose, static_cast<std::uint64_t>(node.index), p));
      if (spec.init)
        spec.init->fill(tensors[i].values, spec.rows, spec.columns, random);
      else
        std::fill(tensors[i].values.begin(), tensors[i].values.end(), spec.constant);
      if (!all_finite(tensors[i].values))
        throw base::Error(base::Code::invalid_argument,
                          fmt::format("layer '{}': the initial values of {} pass the limit of f32, 3.4e38; start with "
                                      "smaller ones",
                                      node.name, spec.name),
                          node.where);
    }
  plan.import_parameters(tensors);
}

void check(const Graph& graph, const PlanOptions& options) {
  const auto refuse = [](std::string message) { throw base::Error(base::Code::invalid_argument, std::move(message)); };
  if (options.batch_size < 1) refuse(fmt::format("the batch size must be positive, got {}", options.batch_size));
  if (options.input_dtype == tensor::Dtype::i32) refuse("a network takes inputs of f32 or u8, not i32");
  if (!options.target_shape.empty() && tensor::element_count(options.target_shape) != graph.out_count())
    refuse(fmt::format("the network gives {} numbers, but targets are {}", graph.out_count(),
                       tensor::text(options.target_shape)));
  if (options.optimizer && !options.cost) refuse("training needs a cost");
  if (options.cost) check_statistics(graph, options.batch_size);
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
