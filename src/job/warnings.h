#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "job/check.h"
#include "neon/checkpoint.h"
#include "neon/cost_terms.h"
#include "tensor/batch.h"

namespace job {

// What is legal and trains as it is written, but is likely a mistake. Each gives a line for people.

/// Inputs that go far beyond the -1 to 1 that networks begin to learn from, such as pixels of 0 to 255. Says nothing
/// for networks that begin by normalising.
std::optional<std::string> unscaled_input(const tensor::Batch& batch, const neon::Graph& graph);

/// A target of the data that no cost looks at.
std::optional<std::string> unread_target(std::span<const neon::CostTerm> costs, const tensor::SourceInfo& data);

/// More outputs than there are names of classes.
std::optional<std::string> unused_outputs(const neon::Graph& graph, const tensor::SourceInfo& data);

/// What a resumed training does otherwise than the one before. Errors: invalid_argument when, within an epoch, the
/// order of the records would be another.
std::vector<std::string> resume_warnings(const CheckedModel& now, const neon::Checkpoint& before);

}  // namespace job
