#pragma once
#include "neon/lowering/lowering.h"

namespace neon {

/// The value in an order of channels that our own kernels can walk (tensor::ChannelOrder): itself, or a copy in plain
/// order.
inline Value in_channel_order(Lowering& lowering, const Value& value, const std::string& name) {
  if (value.layout.channel_order()) return value;
  const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, value.layout.shape());
  return lowering.in_layout(value, plain, name + " input in plain order");
}

/// The same for kernels to which examples and positions are alike (tensor::Layout::feature_order): sequences may stay
/// time-major.
inline Value in_feature_order(Lowering& lowering, const Value& value, const std::string& name) {
  return value.layout.is_time_major() ? value : in_channel_order(lowering, value, name);
}

}  // namespace neon
