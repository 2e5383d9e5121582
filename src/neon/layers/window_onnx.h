#pragma once
// Windows in ONNX's words.
#include "neon/onnx_nodes.h"
#include "tensor/window.h"

namespace neon {

/// (h, w), or (d, h, w) for volumes.
inline std::vector<std::int64_t> onnx_extents(const tensor::PerDimension& extents, const tensor::Shape& in) {
  if (in.size() == 3) return {extents.h, extents.w};
  return {extents.d, extents.h, extents.w};
}

/// Window, steps and padding, as convolution and pooling have them.
inline std::map<std::string, OnnxAttribute> onnx_window(const tensor::Sliding& sliding, const tensor::Shape& in) {
  std::vector<std::int64_t> pads = onnx_extents(sliding.padding, in);
  for (const std::int64_t pad : onnx_extents(sliding.padding, in))
    pads.push_back(pad);  // at the ends as at the beginnings
  return {{"kernel_shape", onnx_extents(sliding.window, in)},
          {"strides", onnx_extents(sliding.strides, in)},
          {"pads", pads}};
}

}  // namespace neon
