#pragma once
#include <string>

#include "neon/graph.h"
#include "neon/plan.h"

namespace neon {

/// What a plan will take, found from shapes alone: nothing is compiled or allocated. Close to Plan::memory_bytes, on
/// the low side (kernels may want padding, copies in another order and scratch).
struct MemoryNeeds {
  double plan_bytes = 0;
  double checkpoint_bytes = 0;  ///< weights and optimizer states once more, while a checkpoint is written
  std::string largest_layer;
  double largest_bytes = 0;  ///< of plan_bytes, for that layer alone

  double total_bytes() const { return plan_bytes + checkpoint_bytes; }
  /// "37.3 GiB for batches of 128, 37.2 GiB of it for layer 'fc1' with inputs (784) and outputs (12000000)".
  std::string text;
};

/// Uses batch_size, cost, optimizer, inputs and weights_of of the options.
MemoryNeeds memory_of(const Graph& graph, const PlanOptions& options);

/// Refuses a plan that this machine's memory cannot hold. Errors: unavailable with sizes and the layer that takes most.
void check_memory(const Graph& graph, const PlanOptions& options, std::size_t plan_bytes);

}  // namespace neon
