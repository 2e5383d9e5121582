#pragma once
// An attention as exporters write it: MatMul of queries and keys, a factor, perhaps a mask, Softmax, MatMul with
// values.
#include "neon/onnx/reading.h"

namespace neon {

/// queries (…, steps, features of a head) times keys (…, features, steps).
OnnxView scores(OnnxOperation& op, const OnnxView& queries, const OnnxView& keys);
/// Scores and what is added to them: nothing, or what hides later steps. Errors: invalid_argument for other masks.
OnnxView masked(OnnxOperation& op, const OnnxView& scores, const OnnxTensor& mask);
/// Softmax over what is seen.
OnnxView weighed(OnnxOperation& op, const OnnxView& scores, std::size_t axis);
/// These weights times values (…, steps, features of a head).
OnnxView attended(OnnxOperation& op, const OnnxView& weights, const OnnxView& values);

}  // namespace neon
