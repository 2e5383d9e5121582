#include "tensor/kernels/plain_products.h"

#include <algorithm>
#include <cmath>

namespace tensor::plain {
namespace {

Layout plain(const Shape& shape) { return Layout::row_major(Dtype::f32, shape); }

float apply(const std::optional<FunctionOf>& function, float x) {
  if (!function) return x;
  switch (function->function) {
    case Function::rectlin: return x > 0 ? x : function->slope * x;
    case Function::logistic: return 1 / (1 + std::exp(-x));
    case Function::tanh: return std::tanh(x);
  }
  return x;
}

/// A product as its loops see it: how many rows are multiplied, and which weight goes with which input and output.
/// A dense layer is a convolution whose window is the whole input.
struct Loops {
  std::int64_t n = 0, inputs = 0, outputs = 0;  ///< of one example
  std::int64_t channels = 0;                    ///< of the output; outputs / channels positions each
  Volume in, out;
  GroupedSliding window;

  static Loops dense(std::int64_t n, std::int64_t nin, std::int64_t nout) {
    GroupedSliding all;
    return {n, nin, nout, nout, {nin, {}}, {nout, {}}, all};
  }
  static Loops convolution(const Shape& src, const Shape& dst, const GroupedSliding& window) {
    const Volume in = Volume::of({src.begin() + 1, src.end()}, "a convolution");
    const Volume out = Volume::of({dst.begin() + 1, dst.end()}, "a convolution");
    return {src[0], in.c * in.positions(), out.c * out.positions(), out.c, in, out, window};
  }

  /// visit(output, input, weight) for each product of one example.
  template <class Visit>
  void for_each(const Visit& visit) const {
    const std::int64_t size = window.window.d * window.window.h * window.window.w;
    const std::int64_t seen = in.c / window.groups;
    for (std::int64_t k = 0; k < out.c; ++k)
      for (std::int64_t c = 0; c < seen; ++c) {
        const std::int64_t from = k / (out.c / window.groups) * seen + c;
        window.for_each(in.extent, out.extent, [&](std::int64_t o, std::int64_t i, std::int64_t w) {
          visit(k * out.positions() + o, from * in.positions() + i, (k * seen + c) * size + w);
        });
      }
  }
};

class Forward final : public OwnKernel {
 public:
  Forward(const Loops& loops, const Shape& src, const Shape& weights, const Shape& dst, const Product& product)
      : OwnKernel(kPlainLoops, {{Slot::src, plain(src)}, {Slot::weights, plain(weights)}, {Slot::dst, plain(dst)}}),
        loops_(loops),
        product_(product) {
    if (product.bias) add({Slot::bias, plain({loops.channels})});
  }

  void run(const RunContext&) const override {
    for (std::int64_t n = 0; n < loops_.n; ++n) {
      const float* x = at(0) + n * loops_.inputs;
      float* y = at(2) + n * loops_.outputs;
      std::fill_n(y, loops_.outputs, 0.0f);
      loops_.for_each([&](std::int64_t o, std::int64_t i, std::int64_t w) { y[o] += x[i] * at(1)[w]; });
      const std::int64_t positions = loops_.outputs / loops_.channels;
      for (std::int64_t o = 0; o < loops_.outputs; ++o)
        y[o] = apply(product_.then, product_.bias ? y[o] + at(3)[o / positions] : y[o]);
    }
  }

 private:
  Loops loops_;
  Product product_;
};

class BackwardData final : public OwnKernel {
 public:
  BackwardData(const Loops& loops, const Shape& src, const Shape& weights, const Shape& dst)
      : OwnKernel(kPlainLoops,
                  {{Slot::diff_dst, plain(dst)}, {Slot::weights, plain(weights)}, {Slot::diff_src, plain(src)}}),
        loops_(loops) {}

  void run(const RunContext&) const override {
    for (std::int64_t n = 0; n < loops_.n; ++n) {
      const float* dy = at(0) + n * loops_.outputs;
      float* dx = at(2) + n * loops_.inputs;
      std::fill_n(dx, loops_.inputs, 0.0f);
      loops_.for_each([&](std::int64_t o, std::int64_t i, std::int64_t w) { dx[i] += dy[o] * at(1)[w]; });
    }
  }

 private:
  Loops loops_;
};

class BackwardWeights final : public OwnKernel {
 public:
  BackwardWeights(const Loops& loops, const Shape& src, const Shape& weights, const Shape& dst, bool bias)
      : OwnKernel(kPlainLoops,
                  {{Slot::src, plain(src)}, {Slot::diff_dst, plain(dst)}, {Slot::diff_weights, plain(weights)}}),
        loops_(loops),
        weights_(element_count(weights)),
        bias_(bias) {
    if (bias) add({Slot::diff_bias, plain({loops.channels})});
  }

  void run(const RunContext&) const override {
    std::fill_n(at(2), weights_, 0.0f);
    if (bias_) std::fill_n(at(3), loops_.channels, 0.0f);
    const std::int64_t positions = loops_.outputs / loops_.channels;
    for (std::int64_t n = 0; n < loops_.n; ++n) {
      const float* x = at(0) + n * loops_.inputs;
      const float* dy = at(1) + n * loops_.outputs;
      loops_.for_each([&](std::int64_t o, std::int64_t i, std::int64_t w) { at(2)[w] += dy[o] * x[i]; });
      if (!bias_) continue;
      for (std::int64_t o = 0; o < loops_.outputs; ++o) at(3)[o / positions] += dy[o];
    }
  }

 private:
  Loops loops_;
  std::int64_t weights_;
  bool bias_;
};

template <class Loop, class... Arguments>
Candidate candidate(Arguments... arguments) {
  return {std::string(kPlainLoops), [=] { return Offer{std::make_shared<Loop>(arguments...), ""}; }};
}

std::int64_t per_example(const Shape& shape) { return element_count({shape.begin() + 1, shape.end()}); }

}  // namespace

Candidate dense_forward(const Layout& src, std::int64_t nout, const Product& product) {
  Shape weights = src.shape();
  weights[0] = nout;
  const std::int64_t n = src.shape()[0];
  return candidate<Forward>(Loops::dense(n, per_example(src.shape()), nout), src.shape(), weights, Shape{n, nout},
                            product);
}

Candidate dense_backward_data(const Layout& weights, const Layout& diff_dst) {
  Shape src = weights.shape();
  src[0] = diff_dst.shape()[0];
  return candidate<BackwardData>(Loops::dense(src[0], per_example(src), weights.shape()[0]), src, weights.shape(),
                                 diff_dst.shape());
}

Candidate dense_backward_weights(const Layout& src, const Layout& diff_dst, bool bias) {
  Shape weights = src.shape();
  weights[0] = diff_dst.shape()[1];
  return candidate<BackwardWeights>(Loops::dense(src.shape()[0], per_example(src.shape()), weights[0]), src.shape(),
                                    weights, diff_dst.shape(), bias);
}

Candidate convolution_forward(const Layout& src, const Shape& dst, const GroupedSliding& window,
                              const Product& product) {
  return candidate<Forward>(Loops::convolution(src.shape(), dst, window), src.shape(),
                            convolution_weights(src.shape(), dst[1], window), dst, product);
}

Candidate convolution_backward_data(const Shape& src, const GroupedSliding& window, const Layout& weights,
                                    const Layout& diff_dst) {
  return candidate<BackwardData>(Loops::convolution(src, diff_dst.shape(), window), src, weights.shape(),
                                 diff_dst.shape());
}

Candidate convolution_backward_weights(const GroupedSliding& window, const Layout& src, const Layout& diff_dst,
                                       bool bias) {
  return candidate<BackwardWeights>(Loops::convolution(src.shape(), diff_dst.shape(), window), src.shape(),
                                    convolution_weights(src.shape(), diff_dst.shape()[1], window), diff_dst.shape(),
                                    bias);
}

}  // namespace tensor::plain
