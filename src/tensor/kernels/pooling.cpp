#include "tensor/kernels/pooling_loops.h"
#include "tensor/operations.h"
#include "tensor/parallel.h"

namespace tensor {
namespace {

WindowTable table_for(const Shape& src, const Shape& dst, const Sliding& window) {
  const auto sample = [](const Shape& shape) { return Volume::of({shape.begin() + 1, shape.end()}, "pooling").extent; };
  return WindowTable::of(window, sample(src), sample(dst));
}

/// For each output the index, inside its window, of what was taken.
std::size_t workspace_bytes(const Layout& dst) { return dst.size_bytes() / sizeof(float) * sizeof(std::uint16_t); }

/// One example's channel block at a time: offsets of the block in input and output.
template <class Work>
void for_each_block(const ChannelOrder& order, std::int64_t outputs, Work&& work) {
  for_parts(order.n * order.blocks, threads_for(order.size()), [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) work(i * order.positions * order.block, i * outputs * order.block);
  });
}

class PoolingForward final : public OwnKernel {
 public:
  PoolingForward(const Layout& src, const Layout& dst, const Sliding& window, Pool pool, bool remembers)
      : OwnKernel(pool == Pool::max ? "max pooling" : "average pooling", {{Slot::src, src}, {Slot::dst, dst}}),
        table_(table_for(src.shape(), dst.shape(), window)),
        order_(src.channel_order().value()),
        pool_(pool),
        remembers_(remembers) {
    if (remembers) add({Slot::workspace, {}, workspace_bytes(dst)});
  }

  void run(const RunContext&) const override {
    for_each_block(order_, static_cast<std::int64_t>(table_.parts.size()), [&](std::int64_t from, std::int64_t to) {
      if (pool_ == Pool::avg) return average_pool(table_, order_.block, at(0) + from, at(1) + to);
      max_pool(table_, order_.block, at(0) + from, at(1) + to, remembers_ ? at<std::uint16_t>(2) + to : nullptr);
    });
  }

 private:
  WindowTable table_;
  ChannelOrder order_;
  Pool pool_;
  bool remembers_;
};

class PoolingBackward final : public OwnKernel {
 public:
  PoolingBackward(const Layout& src, const Layout& dst, const Sliding& window, Pool pool)
      : OwnKernel(pool == Pool::max ? "max pooling derivative" : "average pooling derivative",
                  {{Slot::diff_dst, dst}, {Slot::diff_src, src}}),
        table_(table_for(src.shape(), dst.shape(), window)),
        order_(src.channel_order().value()),
        pool_(pool) {
    if (pool == Pool::max) add({Slot::workspace, {}, workspace_bytes(dst)});
  }

  void run(const RunContext&) const override {
    for_each_block(order_, static_cast<std::int64_t>(table_.parts.size()), [&](std::int64_t to, std::int64_t from) {
      if (pool_ == Pool::avg) return average_pool_backward(table_, order_.block, at(0) + from, at(1) + to);
      max_pool_backward(table_, order_.block, at(0) + from, at<std::uint16_t>(2) + from, at(1) + to);
    });
  }

 private:
  WindowTable table_;
  ChannelOrder order_;
  Pool pool_;
};

}  // namespace

Kernel pooling_forward(const Layout& src, const Shape& dst, const Sliding& window, Pool pool, bool training) {
  return std::make_shared<PoolingForward>(src, src.resized(dst), window, pool, training && pool == Pool::max);
}

Kernel pooling_backward(const Layout& src, const Layout& dst, const Sliding& window, Pool pool) {
  return std::make_shared<PoolingBackward>(src, dst, window, pool);
}

}  // namespace tensor
