#include "tensor/map_pooling.h"

#include <algorithm>
#include <cmath>

#include "tensor/kernels/pooling_loops.h"
#include "tensor/parallel.h"

namespace tensor {
namespace {

/// What both steps walk: for each output of an example the inputs under its window.
struct Walk {
  Volume in, out;
  MapWindow window;
  WindowTable table;
  std::int64_t n;
  int threads;

  Walk(const Shape& src, const Shape& dst, const MapWindow& over)
      : in(Volume::of({src.begin() + 1, src.end()}, "pooling")),
        out(Volume::of({dst.begin() + 1, dst.end()}, "pooling")),
        window(over),
        table(WindowTable::of(over.sliding, in.extent, out.extent)),
        n(src[0]),
        threads(threads_for(element_count(src))) {}

  std::int64_t inputs() const { return in.c * in.positions(); }
  std::int64_t outputs() const { return out.c * out.positions(); }

  /// Calls each(input) for all under the window of an output, both as places in the example. Returns how many.
  template <class Each>
  std::int64_t for_each_input(std::int64_t output, const Each& each) const {
    const WindowPart& part = table.parts[static_cast<std::size_t>(output % out.positions())];
    const std::int64_t begin = output / out.positions() * window.stride - window.padding;
    const std::int64_t first = std::max<std::int64_t>(begin, 0), end = std::min(begin + window.maps, in.c);
    for (std::int64_t c = first; c < end; ++c)
      for (std::int64_t t = 0; t < part.extent.d; ++t)
        for (std::int64_t r = 0; r < part.extent.h; ++r) {
          const std::int64_t row = c * in.positions() + part.first_input + (t * in.extent.h + r) * in.extent.w;
          for (std::int64_t s = 0; s < part.extent.w; ++s) each(row + s);
        }
    return (end - first) * part.extent.d * part.extent.h * part.extent.w;
  }

  template <class Work>
  void for_each_example(const Work& work) const {
    for_parts(n, threads, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) work(i);
    });
  }
};

Layout plain(const Shape& shape) { return Layout::row_major(Dtype::f32, shape); }

/// Of each output, which input was taken.
std::size_t taken_bytes(const Shape& dst) {
  return static_cast<std::size_t>(element_count(dst)) * sizeof(std::int32_t);
}

class Forward final : public OwnKernel {
 public:
  Forward(const Shape& src, const Shape& dst, const MapWindow& window, WindowPool pool, bool remembers)
      : OwnKernel("pooling of any window", {{Slot::src, plain(src)}, {Slot::dst, plain(dst)}}),
        walk_(src, dst, window),
        pool_(pool),
        remembers_(remembers) {
    if (remembers) add({Slot::workspace, {}, taken_bytes(dst)});
  }

  void run(const RunContext&) const override {
    walk_.for_each_example([&](std::int64_t n) {
      for (std::int64_t o = 0; o < walk_.outputs(); ++o) pool(n, o);
    });
  }

 private:
  void pool(std::int64_t n, std::int64_t o) const {
    const float* x = at(0) + n * walk_.inputs();
    float& y = at(1)[n * walk_.outputs() + o];
    if (pool_ == WindowPool::max) {
      std::int64_t best = -1;
      walk_.for_each_input(o, [&](std::int64_t i) { best = best < 0 || x[i] > x[best] ? i : best; });
      y = x[best];
      if (remembers_) at<std::int32_t>(2)[n * walk_.outputs() + o] = static_cast<std::int32_t>(best);
      return;
    }
    float sum = 0;
    const std::int64_t count =
        walk_.for_each_input(o, [&](std::int64_t i) { sum += pool_ == WindowPool::avg ? x[i] : x[i] * x[i]; });
    y = pool_ == WindowPool::avg ? sum / static_cast<float>(count) : std::sqrt(sum);
  }

  Walk walk_;
  WindowPool pool_;
  bool remembers_;
};

class Backward final : public OwnKernel {
 public:
  Backward(const Shape& src, const Shape& dst, const MapWindow& window, WindowPool pool)
      : OwnKernel("pooling of any window, derivative", {{Slot::diff_dst, plain(dst)}, {Slot::diff_src, plain(src)}}),
        walk_(src, dst, window),
        pool_(pool) {
    if (pool == WindowPool::max) add({Slot::workspace, {}, taken_bytes(dst)});
    if (pool != WindowPool::l2) return;
    add({Slot::src, plain(src)});
    add({Slot::dst, plain(dst)});
  }

  void run(const RunContext&) const override {
    walk_.for_each_example([&](std::int64_t n) {
      std::fill_n(at(1) + n * walk_.inputs(), walk_.inputs(), 0.0f);
      for (std::int64_t o = 0; o < walk_.outputs(); ++o) spread(n, o);
    });
  }

 private:
  void spread(std::int64_t n, std::int64_t o) const {
    const std::int64_t output = n * walk_.outputs() + o;
    const float dy = at(0)[output];
    float* dx = at(1) + n * walk_.inputs();
    if (pool_ == WindowPool::max) {
      dx[at<std::int32_t>(2)[output]] += dy;
    } else if (pool_ == WindowPool::avg) {
      const std::int64_t count = walk_.for_each_input(o, [](std::int64_t) {});
      walk_.for_each_input(o, [&](std::int64_t i) { dx[i] += dy / static_cast<float>(count); });
    } else if (const float y = at(3)[output]; y > 0) {
      const float* x = at(2) + n * walk_.inputs();
      walk_.for_each_input(o, [&](std::int64_t i) { dx[i] += dy * x[i] / y; });
    }
  }

  Walk walk_;
  WindowPool pool_;
};

}  // namespace

Kernel map_pooling_forward(const Shape& src, const Shape& dst, const MapWindow& window, WindowPool pool,
                           bool training) {
  return std::make_shared<Forward>(src, dst, window, pool, training && pool == WindowPool::max);
}
Kernel map_pooling_backward(const Shape& src, const Shape& dst, const MapWindow& window, WindowPool pool) {
  return std::make_shared<Backward>(src, dst, window, pool);
}

}  // namespace tensor
