#pragma once
#include "neon/booking.h"

namespace neon {

/// A value and the four loops over it; reordered to plain order first when its own order is none of those.
struct Ordered {
  Value value;
  tensor::ChannelOrder order;
};

inline Ordered in_channel_order(Booking& booking, const Value& value, const std::string& name) {
  if (const auto order = value.layout.channel_order()) return {value, *order};
  const auto plain = tensor::Layout::row_major(tensor::Dtype::f32, value.layout.shape());
  return {booking.in_layout(value, plain, name + " input in plain order"), *plain.channel_order()};
}

}  // namespace neon
