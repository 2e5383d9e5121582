#pragma once
#include <map>

#include "neon/onnx.h"

namespace neon {

/// Norms that are written out in several operators: the last one of each, and the LayerNormalization that it is the
/// result of. Older files have those.
std::map<const OnnxNode*, OnnxNode> written_norms(const OnnxModel& model);

}  // namespace neon
