#include "neon/memory.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
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
  for (const ParameterSpec& spec : node.parameters) {
    const double each = elements(spec.shape) * sizeof(float);
    const int kept = options.cost && spec.trained ? states : 0;
    bytes.checkpoint += each * (1 + kept);
    bytes.plan += each * (1 + kept + (options.cost && spec.trained ? 1 : 0));
  }
  return bytes;
}

bool keeps_input(const Group& group) {
  return group.node->layer->absorbs_bias() || group.node->layer->statistics_per_example(group.node->in) > 0;
}

bool keeps_output(const Group& group) {
  return !group.node->layer->activation().empty() || (group.node->layer->absorbs_bias() && group.then());
}

}  // namespace

MemoryNeeds memory_of(const Graph& graph, const PlanOptions& options) {
  const double row = static_cast<double>(options.batch_size) * sizeof(float);
  const bool trains = options.cost != nullptr;
  MemoryNeeds needs;
  const Node* largest = nullptr;
  bool learned = false;  // does anything learn before this group, so that its input's errors are wanted?
  double lasting = 0, kept = 0, peak = 0, before = 0;
  if (options.input_dtype != tensor::Dtype::f32) kept = before = elements(graph.sample_shape) * row;
  const std::vector<Group> groups = groups_of(graph);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Group& group = groups[i];
    ParameterBytes parameters = parameter_bytes(*group.node, options);
    const Node* last = group.node;
    for (const Node* node : group.absorbed) {
      const ParameterBytes more = parameter_bytes(*node, options);
      parameters.plan += more.plan;
      parameters.checkpoint += more.checkpoint;
      last = node;
    }
    const double out = elements(last->out) * row;
    // Training keeps an output where it or the next layer is asked for it on the way back. There the errors of a
    // layer's outputs and inputs live side by side; layers that keep their input's shape and multiply by nothing turn
    // one into the other in place.
    const Group* next = i + 1 < groups.size() ? &groups[i + 1] : nullptr;
    if (trains && (keeps_output(group) || (next != nullptr && keeps_input(*next)))) kept += out;
    const bool in_place = group.node->in == last->out && !group.node->layer->absorbs_bias();
    peak = std::max(peak, !trains ? out + before : kept + out + (in_place || !learned ? 0 : before));
    learned = learned || !group.node->parameters.empty();
    before = out;
    if (options.weights_of == nullptr) lasting += parameters.plan;
    needs.checkpoint_bytes += trains ? parameters.checkpoint : 0;
    const double here = parameters.plan + out;
    if (here > needs.largest_bytes) {
      needs.largest_bytes = here;
      largest = group.node;
    }
  }
  needs.plan_bytes = lasting + peak;
  needs.largest_layer = largest->name;
  needs.text = fmt::format("{} for batches of {}, {} of it for layer '{}' with inputs {} and outputs {}",
                           base::size_text(needs.plan_bytes), options.batch_size, base::size_text(needs.largest_bytes),
                           largest->name, tensor::text(largest->in), tensor::text(largest->out));
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
