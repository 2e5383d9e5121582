#include "tensor/layout.h"

#include <numeric>

#include "base/error.h"
#include "tensor/onednn/engine.h"
#include "tensor/recurrent.h"

namespace tensor {
namespace {

dnnl::memory::dims row_major_strides(const Shape& shape) {
  dnnl::memory::dims strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0; stride *= shape[i]) strides[i] = stride;
  return strides;
}

}  // namespace

Layout onednn::layout_of(const dnnl::memory::desc& desc) {
  if (desc.data.ndims == 0) return {};
  return Layout(std::make_shared<const Layout::Storage>(Layout::Storage{desc, desc.dims()}));
}

Layout Layout::row_major(Dtype dtype, const Shape& shape) {
  element_count(shape);
  return onednn::guarded(
      "a layout", [&] { return onednn::layout_of({shape, onednn::data_type(dtype), row_major_strides(shape)}); });
}

Layout Layout::time_major(Dtype dtype, const Shape& shape) {
  element_count(shape);
  return onednn::guarded("a layout", [&] {
    return onednn::layout_of({shape, onednn::data_type(dtype), {shape[1], 1, shape[0] * shape[1]}});
  });
}

Dtype Layout::dtype() const {
  switch (storage_->desc.data_type()) {
    case dnnl::memory::data_type::u8: return Dtype::u8;
    case dnnl::memory::data_type::s32: return Dtype::i32;
    default: return Dtype::f32;
  }
}

const Shape& Layout::shape() const { return storage_->shape; }

std::size_t Layout::size_bytes() const { return storage_ ? storage_->desc.get_size() : 0; }

bool Layout::is_row_major() const { return *this == row_major(dtype(), shape()); }

bool Layout::is_time_major() const { return shape().size() == 3 && *this == time_major(dtype(), shape()); }

Layout Layout::reshaped(const Shape& shape) const { return row_major(dtype(), shape); }

Layout Layout::resized(const Shape& shape) const {
  const auto order = channel_order();
  if (!order || order->block == 1 || shape.size() < 3) return row_major(dtype(), shape);
  if (shape.size() == 3) return is_time_major() ? time_major(dtype(), shape) : row_major(dtype(), shape);
  using Tag = dnnl::memory::format_tag;
  const bool deep = shape.size() == 5;
  Tag tag = deep ? Tag::ndhwc : Tag::nhwc;
  if (order->block == 4) tag = deep ? Tag::nCdhw4c : Tag::nChw4c;
  if (order->block == 8) tag = deep ? Tag::nCdhw8c : Tag::nChw8c;
  if (order->block == 16) tag = deep ? Tag::nCdhw16c : Tag::nChw16c;
  return onednn::guarded("a layout", [&] { return onednn::layout_of({shape, onednn::data_type(dtype()), tag}); });
}

std::optional<ChannelOrder> Layout::channel_order() const {
  const dnnl_memory_desc_t& d = storage_->desc.data;
  if (d.format_kind != dnnl_blocked || d.ndims < 2 || d.offset0 != 0 || d.data_type != dnnl_f32) return {};
  const dnnl_blocking_desc_t& b = d.format_desc.blocking;
  const std::int64_t channels = d.dims[1];
  const std::int64_t positions = std::accumulate(d.dims + 2, d.dims + d.ndims, std::int64_t{1}, std::multiplies<>());
  ChannelOrder order{d.dims[0], 0, positions, 0, channels};
  if (b.inner_nblks == 0) {
    const bool channels_last = d.ndims == 2 || (b.strides[1] == 1 && positions > 1);
    order.block = channels_last ? channels : 1;
    order.blocks = channels_last ? 1 : channels;
  } else if (b.inner_nblks == 1 && b.inner_idxs[0] == 1) {
    order.block = b.inner_blks[0];
    order.blocks = d.padded_dims[1] / order.block;
  } else {
    return {};
  }
  // The four loops must visit memory without gaps, with the positions in row-major order. Extents of 1 have any stride.
  std::int64_t stride = order.block;
  for (int i = d.ndims - 1; i >= 2; --i) {
    if (d.dims[i] > 1 && b.strides[i] != stride) return {};
    stride *= d.dims[i];
  }
  if (order.blocks > 1 && b.strides[1] != stride) return {};
  if (d.dims[0] > 1 && b.strides[0] != stride * order.blocks) return {};
  if (d.padded_dims[0] != d.dims[0] || size_bytes() != static_cast<std::size_t>(order.size()) * 4) return {};
  return order;
}

std::optional<ChannelOrder> Layout::feature_order() const {
  if (!is_time_major() || dtype() != Dtype::f32) return channel_order();
  return ChannelOrder{shape()[2], 1, shape()[0], shape()[1], shape()[1]};
}

std::string Layout::text() const {
  if (!storage_) return "nothing";
  std::string result = fmt::format("{} {}",
                                   dtype() == Dtype::f32  ? "f32"
                                   : dtype() == Dtype::u8 ? "u8"
                                                          : "i32",
                                   tensor::text(shape()));
  const dnnl_memory_desc_t& d = storage_->desc.data;
  if (d.format_kind != dnnl_blocked) return result + " packed";
  const dnnl_blocking_desc_t& b = d.format_desc.blocking;
  for (int i = 0; i < b.inner_nblks; ++i)
    result +=
        fmt::format("{} {}{}", i == 0 ? " blocked by" : "", static_cast<char>('a' + b.inner_idxs[i]), b.inner_blks[i]);
  if (b.inner_nblks == 0 && !is_row_major()) result += is_time_major() ? " time-major" : " permuted";
  return result;
}

Layout transposed(const Layout& matrix) {
  return onednn::guarded("a layout", [&] { return onednn::layout_of(onednn::desc_of(matrix).permute_axes({1, 0})); });
}

bool operator==(const Layout& a, const Layout& b) {
  if (!a.storage_ || !b.storage_) return a.storage_ == b.storage_;
  return a.storage_ == b.storage_ || a.storage_->desc == b.storage_->desc;
}

void copy(const Layout& from, const void* source, const Layout& to, void* target) {
  if (from == to) {
    std::memcpy(target, source, from.size_bytes());
    return;
  }
  onednn::guarded("a reorder", [&] {
    dnnl::memory src(onednn::desc_of(from), onednn::engine(), const_cast<void*>(source));
    dnnl::memory dst(onednn::desc_of(to), onednn::engine(), target);
    dnnl::reorder(src, dst).execute(onednn::stream(), src, dst);
    onednn::stream().wait();
  });
}

}  // namespace tensor
